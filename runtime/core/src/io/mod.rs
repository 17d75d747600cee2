//! The standard streams of the process.
//!
//! ```no_run
//! use futures_util::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//! use wakeful::io::{stdin, stdout};
//!
//! # fn main() -> std::io::Result<()> {
//! wakeful::block_on(async {
//!     let mut line = String::new();
//!     BufReader::new(stdin()).read_line(&mut line).await?;
//!     stdout().write_all(line.as_bytes()).await
//! })
//! # }
//! ```
//!
//! A standard stream is most often shared with other processes, such as the shell, and with it the
//! flag that makes it nonblocking. So that flag is never touched. On Linux a pipe or a terminal is
//! opened once more, by way of `/proc`, which gives a flag of one's own and lets the reactor wait
//! for it. Everything else (files, sockets, `/dev/null`, a terminal of another user, the master of
//! a pseudoterminal and other devices that are another one when opened again, other systems) is
//! read by a thread that does not keep the process from ending, and written to on the blocking
//! pool.

mod descriptor;
mod stdin;
mod stdin_thread;
mod stdout;

pub use stdin::{Stdin, stdin};
pub use stdout::{Stderr, Stdout, stderr, stdout};

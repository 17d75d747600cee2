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
//! A standard stream is usually shared with other processes, such as the shell, and so is its
//! `O_NONBLOCK` flag. That flag is therefore never changed. On Linux a pipe or a terminal is opened
//! again through `/proc/self/fd`, which gives a separate flag, and the reactor waits for it. All
//! other streams are read by a thread that does not keep the process from ending, and written by
//! the blocking pool: files, sockets, `/dev/null`, a terminal of another user, devices that are a
//! different one when opened again (such as the master of a pseudoterminal), and all streams on
//! other systems.

mod descriptor;
#[cfg(target_os = "linux")]
mod reopen;
#[cfg(not(target_os = "linux"))]
#[path = "reopen_none.rs"]
mod reopen;
mod stdin;
mod stdin_thread;
mod stdout;

pub use stdin::{Stdin, stdin};
pub use stdout::{Stderr, Stdout, stderr, stdout};

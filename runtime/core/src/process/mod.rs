//! Child processes: started as in std, awaited like everything else.
//!
//! ```
//! use wakeful::process::Command;
//!
//! # fn main() -> std::io::Result<()> {
//! wakeful::block_on(async {
//!     let output = Command::new("echo").arg("hello").output().await?;
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"hello\n");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! The end of a child is an event of the reactor: of its pidfd where the system has them (Linux
//! 5.3), else of `SIGCHLD`, which Wakeful then listens for.
//!
//! # Children that nobody waits for
//!
//! A [`Child`] that is dropped goes on running, unless [`kill_on_drop`](Command::kill_on_drop) says
//! otherwise. A task of the loop waits for it, so it doesn't stay behind as a zombie. If its
//! runtime ends first, the next child of any runtime that is started or dropped looks after it.

mod child;
mod command;
mod exit;
mod orphan;
mod pipes;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};

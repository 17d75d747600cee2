//! Child processes: started as in std, and awaited.
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
//! The reactor reports the end of a child: through its pidfd, one descriptor a child, where the
//! system has pidfds (Linux 5.3), otherwise through `SIGCHLD`, which makes all waiting tasks check.
//! No thread reaps children.
//!
//! # Children without a waiter
//!
//! A dropped [`Child`] continues to run, unless [`kill_on_drop`](Command::kill_on_drop) is set. A
//! task of the loop waits for it, so that it does not become a zombie. If its runtime ends first,
//! the child is put into a list of the process, which is checked whenever a child of any runtime is
//! started or dropped.

mod child;
mod command;
mod exit;
mod orphan;
mod pipes;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};

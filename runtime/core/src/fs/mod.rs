//! Files and directories.
//!
//! The names and their meaning are those of tokio's `fs`, the streams have the traits of
//! `futures-io`. Disks have no readiness, so operations are handed to the system and completed
//! elsewhere: by a completion ring of the kernel, or by a thread of the blocking pool; see
//! [`Backend`]. Either way the end of an operation comes through the loop's one wait.
//!
//! ```
//! use wakeful::fs;
//!
//! # fn main() -> std::io::Result<()> {
//! # let path = std::env::temp_dir().join(format!("wakeful-doc-fs-{}", std::process::id()));
//! wakeful::block_on(async {
//!     fs::write(&path, "hello").await?;
//!     assert_eq!(fs::read_to_string(&path).await?, "hello");
//!     fs::remove_file(&path).await
//! })
//! # }
//! ```
//!
//! # Errors
//!
//! Those of functions that are given a path say what was tried, and with which. So their number is behind
//! [`wakeful::raw_os_error`](crate::raw_os_error).
//!
//! # Dropped futures, and the end of the runtime
//!
//! An operation owns its buffers until the system is done with them, so a future may be dropped at
//! any time. What has not begun then never begins. What has begun is asked to end if it goes through
//! the ring, and goes on unheard if it is on the pool.
//!
//! When the runtime is dropped, it waits for what is in flight for as long as
//! [`Builder::blocking_shutdown_timeout`](crate::Builder::blocking_shutdown_timeout) says. Writes
//! that a [`File`] took over are carried out in that time, also those that had not begun.
//! Operations that do not end in time go on by themselves, on a thread, and keep their file and their
//! buffers until they have ended. Another runtime can wait for them.

mod backend;
mod dir;
mod error;
mod file;
mod file_io;
mod op;
mod open_options;
mod paths;
mod request;
#[cfg(not(all(target_os = "linux", feature = "io-uring", not(any(loom, shuttle)))))]
#[path = "ring/noop.rs"]
mod ring;
#[cfg(all(target_os = "linux", feature = "io-uring", not(any(loom, shuttle))))]
mod ring;
mod stream;
mod whole;

pub(crate) use backend::Files;
pub use backend::{Backend, backend};
pub use dir::{DirEntry, ReadDir, read_dir};
pub use file::File;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read_link, remove_dir,
    remove_dir_all, remove_file, rename, set_permissions, symlink, symlink_metadata, try_exists,
};
pub use whole::{read, read_to_string, write, write_atomic};

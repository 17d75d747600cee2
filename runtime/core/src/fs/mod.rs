//! Files and directories.
//!
//! Names and semantics follow tokio's `fs`; streams implement the traits of `futures-io`. Disks
//! have no readiness, so each operation is handed over whole: to a completion ring of the kernel
//! (io_uring), or to a thread of the blocking pool; see [`Backend`]. In both cases the completion
//! wakes the loop through the reactor.
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
//! Errors of functions that take a path name the operation and the path. The number of the system's
//! error is returned by [`wakeful::raw_os_error`](crate::raw_os_error).
//!
//! # Dropped futures and shutdown
//!
//! An operation owns its buffers until the system is done with them, so a future may be dropped at
//! any time. An operation that has not begun is then never begun. An operation in flight is
//! cancelled if it is in the ring; on the pool it runs to its end and its result is dropped.
//!
//! When the runtime is dropped, it waits for the operations in flight for as long as
//! [`Builder::blocking_shutdown_timeout`](crate::Builder::blocking_shutdown_timeout) says. Buffered
//! writes of a [`File`] are carried out in that time, including those that had not begun.
//! Operations that do not end in time continue on a thread, which owns their files and buffers
//! until they have ended. Another runtime can wait for them.

mod backend;
mod dir;
mod dir_builder;
mod error;
mod file;
mod file_io;
mod op;
mod open_options;
mod paths;
mod request;
// The processors are those that the crate `io-uring` knows, as in Cargo.toml.
#[cfg_attr(
    not(all(
        feature = "io-uring",
        target_os = "linux",
        any(
            target_arch = "aarch64",
            target_arch = "loongarch64",
            target_arch = "powerpc64",
            target_arch = "riscv64",
            target_arch = "x86_64",
        ),
        not(any(loom, shuttle)),
    )),
    path = "ring/noop.rs"
)]
mod ring;
mod stream;
mod whole;

pub(crate) use backend::Files;
pub use backend::{Backend, backend};
pub use dir::{DirEntry, ReadDir, read_dir};
pub use dir_builder::DirBuilder;
pub use file::File;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read_link, remove_dir,
    remove_dir_all, remove_file, rename, set_permissions, symlink, symlink_metadata, try_exists,
};
#[doc(no_inline)]
pub use std::fs::FileTimes;
pub use whole::{read, read_to_string, write, write_atomic};

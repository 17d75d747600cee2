//! Systems without `/proc`, where no standard stream can be opened again.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::OFlags;

/// Returns `None`: the stream needs a thread.
pub(crate) fn reopen(_: BorrowedFd<'_>, _: OFlags) -> Option<File> {
    None
}

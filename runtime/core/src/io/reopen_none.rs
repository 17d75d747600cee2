//! Systems without `/proc`, where no standard stream can be opened again.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::OFlags;

use crate::reactor::Async;

/// Returns `None`: the stream needs a thread.
pub(super) fn reopen(_: BorrowedFd<'_>, _: OFlags) -> Option<Async<File>> {
    None
}

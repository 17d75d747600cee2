//! Opens standard streams again for the reactor.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::OFlags;

use crate::reactor::Async;
use crate::sys;

/// Opens a pipe or terminal again, with separate flags, and registers it with the reactor. `None`
/// if that is not possible and the stream needs a thread.
#[track_caller]
pub(super) fn reopen(shared: BorrowedFd<'_>, access: OFlags) -> Option<Async<File>> {
    Async::new_nonblocking(sys::reopen(shared, access)?).ok()
}

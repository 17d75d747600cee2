//! Blocking calls on the descriptors of standard streams.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Calls `op` until it succeeds, and blocks in between if another process has made the descriptor
/// nonblocking.
pub(super) fn retry_blocking<R>(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    mut op: impl FnMut() -> Result<R, Errno>,
) -> Result<R, Errno> {
    loop {
        match op() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => match poll(&mut [PollFd::from_borrowed_fd(fd, events)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            },
            result => return result,
        }
    }
}

//! The descriptors by which signal handlers wake a loop.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

use crate::sys::is_refusal;
use crate::sys::pipe::pipe;

/// Returns the descriptors that the loop reads and the handlers write: both are the same eventfd,
/// or the ends of a pipe if the system refuses eventfds.
pub(crate) fn signal_pipe() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
    match eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) {
        Ok(both) => {
            let both = Arc::new(both);
            Ok((both.clone(), both))
        }
        Err(error) if is_refusal(error) => pipe(),
        Err(error) => Err(error.into()),
    }
}

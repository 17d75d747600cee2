//! The system calls of the crate `polling`.

use std::io;

use rustix::event::epoll::{CreateFlags, create};
use rustix::event::{EventfdFlags, eventfd};

/// The call by which a poller waits.
pub(crate) const WAIT: &str = "epoll_pwait";

/// Finds out which call of `Poller::new` is refused, as its error does not say.
pub(crate) fn refused_call() -> &'static str {
    if create(CreateFlags::CLOEXEC).is_err() {
        return "epoll_create1";
    }
    if eventfd(0, EventfdFlags::CLOEXEC).is_err() && io::pipe().is_err() {
        return "eventfd2 or pipe2";
    }
    "epoll_ctl"
}

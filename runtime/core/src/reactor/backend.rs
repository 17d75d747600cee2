//! How the reactor waits: chosen once, here.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::event::Event;
use super::notifier::Notifier;
use super::portable::Portable;
#[cfg(target_os = "linux")]
use super::raw::Raw;

/// How the reactor waits for events.
///
/// Both ways give the same behaviour; they differ in syscalls. It is set by
/// [`Builder::backend`](crate::Builder::backend), for tests and comparisons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The best that the system has.
    #[default]
    Auto,
    /// One `epoll_pwait2` a wait, on the descriptor of the `polling` crate's poller. Linux 5.11 and
    /// newer.
    Raw,
    /// The `polling` crate as it comes.
    Portable,
}

/// The backend in use.
pub(super) enum Driver {
    #[cfg(target_os = "linux")]
    Raw(Raw),
    Portable(Portable),
}

macro_rules! each {
    ($self:ident, $driver:ident => $e:expr) => {
        match $self {
            #[cfg(target_os = "linux")]
            Driver::Raw($driver) => $e,
            Driver::Portable($driver) => $e,
        }
    };
}

impl Driver {
    pub(super) fn new(backend: Backend) -> io::Result<Driver> {
        match backend {
            Backend::Portable => Portable::new().map(Driver::Portable),
            #[cfg(target_os = "linux")]
            Backend::Raw => Raw::new().map(Driver::Raw),
            #[cfg(target_os = "linux")]
            Backend::Auto => match Raw::new() {
                Ok(raw) => Ok(Driver::Raw(raw)),
                // An old kernel, or a sandbox that does not allow a call that only this way needs.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    Portable::new().map(Driver::Portable)
                }
                Err(error) => Err(error),
            },
            #[cfg(not(target_os = "linux"))]
            Backend::Auto => Portable::new().map(Driver::Portable),
            #[cfg(not(target_os = "linux"))]
            Backend::Raw => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the raw backend needs Linux; use Backend::Auto",
            )),
        }
    }

    pub(super) fn notifier(&self) -> Notifier {
        each!(self, driver => driver.notifier())
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        each!(self, driver => driver.as_fd())
    }

    /// Registers a descriptor, for both directions and every edge.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize) -> io::Result<()> {
        each!(self, driver => driver.add(fd, key))
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        each!(self, driver => driver.remove(fd))
    }

    /// Waits once and appends what happened. A signal ends the wait like an event does.
    pub(super) fn wait(&self, timeout: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        each!(self, driver => driver.wait(timeout, out))
    }

    /// Do events tell that the other side has closed? Without that a short read proves nothing.
    #[inline]
    pub(super) fn reports_hangup(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Driver::Raw(_) => true,
            Driver::Portable(_) => false,
        }
    }
}

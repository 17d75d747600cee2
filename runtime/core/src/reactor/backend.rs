//! The backends of the reactor, and the choice between them when a runtime is made.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::interest::Interest;
use super::notifier::Notifier;
use super::portable::Portable;
use crate::sim::{self, Mode};
use crate::sys::{Event, Raw, Wanted};

/// How the reactor waits for events.
///
/// Both backends behave the same; they differ in their system calls. Set with
/// [`Builder::backend`](crate::Builder::backend), for tests and comparisons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The best backend that the system supports: the raw one, or else the portable one.
    #[default]
    Auto,
    /// One `epoll_pwait2` for each wait, on the descriptor of the `polling` crate's poller. Linux
    /// 5.11 and newer.
    Raw,
    /// The `polling` crate, unmodified.
    Portable,
}

/// The backend that a reactor uses.
pub(super) enum Driver {
    Raw(Raw),
    Portable(Portable),
    Simulated(sim::Backend),
}

/// Evaluates an expression with the backend in use, whichever it is.
macro_rules! each {
    ($self:ident, $driver:ident => $e:expr) => {
        match $self {
            Driver::Raw($driver) => $e,
            Driver::Portable($driver) => $e,
            Driver::Simulated($driver) => $e,
        }
    };
}

impl Driver {
    /// Makes a backend that receives up to `events` events at a time.
    pub(super) fn new(
        backend: Backend,
        simulated: Option<Mode>,
        events: NonZeroUsize,
    ) -> io::Result<Driver> {
        if let Some(mode) = simulated {
            return Ok(Driver::Simulated(sim::Backend::new(mode)));
        }
        match backend {
            Backend::Portable => Portable::new(events).map(Driver::Portable),
            Backend::Raw => Raw::new(events).map(Driver::Raw),
            Backend::Auto => match Raw::new(events) {
                Ok(raw) => Ok(Driver::Raw(raw)),
                // Another system, an old kernel, or a sandbox that refuses a call which only the
                // raw backend needs.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    Portable::new(events).map(Driver::Portable)
                }
                Err(error) => Err(error),
            },
        }
    }

    pub(super) fn notifier(&self) -> Notifier {
        match self {
            Driver::Raw(raw) => Notifier::raw(raw.notifier()),
            Driver::Portable(portable) => portable.notifier(),
            Driver::Simulated(simulated) => Notifier::simulated(simulated.notifier()),
        }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        each!(self, driver => driver.as_fd())
    }

    /// Registers a descriptor, edge-triggered, for these events.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize, what: Interest) -> io::Result<()> {
        let what = Wanted {
            readable: what.is_readable(),
            writable: what.is_writable(),
            priority: what.is_priority(),
        };
        each!(self, driver => driver.add(fd, key, what))
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        each!(self, driver => driver.remove(fd))
    }

    /// Waits once and appends the events to `out`. A signal ends the wait as an event does.
    pub(super) fn wait(&self, timeout: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        each!(self, driver => driver.wait(timeout, out))
    }

    /// Whether events report that the peer has closed. Without that, a short read does not prove
    /// that nothing is left.
    #[inline]
    pub(super) fn reports_hangup(&self) -> bool {
        match self {
            Driver::Raw(_) | Driver::Simulated(_) => true,
            Driver::Portable(_) => false,
        }
    }

    /// Returns the backend, if it is that of a simulated host.
    #[allow(dead_code, reason = "for the feature `sim`")]
    pub(super) fn simulated(&self) -> Option<&sim::Backend> {
        match self {
            Driver::Simulated(simulated) => Some(simulated),
            Driver::Raw(_) | Driver::Portable(_) => None,
        }
    }
}

//! The portable backend: `polling`, unmodified. It needs neither `epoll_pwait2` nor `eventfd2`: on
//! Linux it waits by `epoll_pwait`, and can notify by a pipe.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use polling::{Events, PollMode, Poller};
use rustix::io::Errno;

use super::event::Event;
use super::interest::Interest;
use super::notifier::Notifier;
use crate::sys::is_refusal;

/// The portable backend of a reactor.
pub(super) struct Portable {
    poller: Arc<Poller>,
    events: RefCell<Events>,
}

impl Portable {
    pub(super) fn new(capacity: NonZeroUsize) -> io::Result<Portable> {
        let poller = poller()?;
        if !poller.supports_edge() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system has no edge-triggered events, which Wakeful's reactor needs",
            ));
        }
        let events = Events::with_capacity(capacity);
        let portable = Portable {
            poller: Arc::new(poller),
            events: RefCell::new(events),
        };
        // So that a wait that the system refuses is an error here and not a panic of the loop.
        portable
            .wait(Some(Duration::ZERO), &mut Vec::new())
            .map_err(|error| refused(error, || "epoll_pwait"))?;
        Ok(portable)
    }

    pub(super) fn notifier(&self) -> Notifier {
        Notifier::portable(self.poller.clone())
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize, what: Interest) -> io::Result<()> {
        let mut interest = polling::Event::new(key, what.is_readable(), what.is_writable());
        interest.set_priority(what.is_priority());
        // SAFETY: the descriptor is deregistered before it is closed: `Async` owns the registration
        // and the owner or the borrow of the descriptor, and drops the registration first. If an
        // `Async` is leaked, its borrowed descriptor may be closed while registered; epoll and
        // kqueue, the only systems with edges, then remove the descriptor themselves.
        unsafe {
            self.poller
                .add_with_mode(fd.as_raw_fd(), interest, PollMode::Edge)
        }
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.delete(fd)
    }

    pub(super) fn wait(&self, timeout: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        let mut events = self.events.borrow_mut();
        events.clear();
        self.poller.wait(&mut events, timeout)?;
        out.extend(events.iter().map(|event| Event {
            key: event.key,
            readable: event.readable,
            writable: event.writable,
            read_closed: event.is_interrupt(),
            write_closed: event.is_interrupt(),
            priority: event.is_priority(),
            error: event.is_err() == Some(true),
        }));
        Ok(())
    }
}

/// Makes a poller. If the system refuses a call, the error names it.
pub(super) fn poller() -> io::Result<Poller> {
    Poller::new().map_err(|error| refused(error, refused_call))
}

/// Adds to an error which call was refused and what to do.
pub(super) fn refused(error: io::Error, call: impl FnOnce() -> &'static str) -> io::Error {
    if !Errno::from_io_error(&error).is_some_and(is_refusal) {
        return error;
    }
    let call = call();
    io::Error::new(
        error.kind(),
        format!(
            "the reactor needs {call}, which the system refuses ({error}): allow it in the sandbox \
             (seccomp profile) of this process"
        ),
    )
}

/// Finds out which call of `Poller::new` is refused, as its error does not say.
#[cfg(target_os = "linux")]
fn refused_call() -> &'static str {
    use rustix::event::epoll::{CreateFlags, create};
    use rustix::event::{EventfdFlags, eventfd};

    if create(CreateFlags::CLOEXEC).is_err() {
        return "epoll_create1";
    }
    if eventfd(0, EventfdFlags::CLOEXEC).is_err() && io::pipe().is_err() {
        return "eventfd2 or pipe2";
    }
    "epoll_ctl"
}

#[cfg(not(target_os = "linux"))]
fn refused_call() -> &'static str {
    "the system's way to wait for descriptors"
}

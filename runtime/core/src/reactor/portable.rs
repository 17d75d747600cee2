//! The portable backend: `polling`, unmodified. It needs neither `epoll_pwait2` nor `eventfd2`: on
//! Linux it waits by `epoll_pwait`, and can notify by a pipe.
//!
//! # Edges of kqueue
//!
//! `source.rs` rests on three properties of edge-triggered events. With epoll they are documented;
//! `polling` registers two filters of kqueue with `EV_CLEAR` for each descriptor, for which they
//! hold as follows.
//!
//! - *A descriptor that is ready when it is registered causes an event.* `EV_ADD` evaluates the
//!   filter and queues the event if its condition holds.
//! - *After a `WouldBlock`, the next change causes an event.* A filter is activated by each arrival
//!   of data, or of space in the send buffer. `EV_CLEAR` resets the filter when its event is
//!   fetched, so an arrival before the fetch is in this event, and one after it activates the
//!   filter again. Readiness that an event sets after data was read already costs one attempt that
//!   returns `WouldBlock`.
//! - *The end of a stream causes an event.* `EV_EOF` activates the filter, once. `polling` does not
//!   pass the flag on, so [`reports_hangup`](super::backend::Driver::reports_hangup) is false: a
//!   short read does not clear readiness, and the read after it returns the end.
//!
//! Both filters have the same key, so one turn may report a descriptor twice; its readiness is the
//! union. Events of priority and errors are not reported by kqueue: priority is never ready there,
//! and an error is found by the read or write that the event causes. A kqueue is not inherited by a
//! forked child, so a daemon makes its runtime after the fork.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use polling::{Events, PollMode, Poller};

use super::notifier::Notifier;
use crate::sys::{self, Event, Wanted, poller, refused};

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
            .map_err(|error| refused(error, || sys::WAIT))?;
        Ok(portable)
    }

    pub(super) fn notifier(&self) -> Notifier {
        Notifier::portable(self.poller.clone())
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize, what: Wanted) -> io::Result<()> {
        let mut interest = polling::Event::new(key, what.readable, what.writable);
        interest.set_priority(what.priority);
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

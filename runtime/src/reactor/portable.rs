//! Waiting with `polling` as it comes.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use polling::{Events, PollMode, Poller};

use super::Notifier;
use super::event::Event;

pub(super) struct Portable {
    poller: Arc<Poller>,
    events: RefCell<Events>,
}

impl Portable {
    pub(super) fn new() -> io::Result<Portable> {
        let poller = Poller::new()?;
        if !poller.supports_edge() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system can't wait for edges, which Wakeful's reactor is built on",
            ));
        }
        let events = Events::with_capacity(NonZeroUsize::new(1024).expect("not zero"));
        Ok(Portable {
            poller: Arc::new(poller),
            events: RefCell::new(events),
        })
    }

    pub(super) fn notifier(&self) -> Notifier {
        Notifier::portable(self.poller.clone())
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize) -> io::Result<()> {
        let interest = polling::Event::all(key);
        // SAFETY: the source is removed before it is closed: `Async` owns the registration and what
        // owns or borrows the descriptor, and drops the registration first. Of an `Async` that is
        // leaked, a borrowed descriptor may be closed while it is registered; epoll and kqueue, the
        // only systems with edges, then remove it themselves.
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
            read_closed: false,
            write_closed: false,
        }));
        Ok(())
    }
}

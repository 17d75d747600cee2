//! The raw backend of the reactor: one system call for each wait, on the poller's own descriptor.
//!
//! A wait with a timeout is an `epoll_pwait2`, whose timeout is in nanoseconds; any other wait is
//! an `epoll_pwait`. `polling` 3.11 makes five system calls for each wait, and does not offer
//! `EPOLLRDHUP`. But its poller lends its descriptor, so registrations and waits are done here,
//! with the same keys, by safe functions of rustix except for the timed wait (`pwait2.rs`).
//!
//! Two things follow. `Poller::notify` must not be used, as only `Poller::wait` re-arms it: the
//! notifier is a separate eventfd, edge-triggered and never read. And the poller's own timer and
//! eventfd never cause an event, as nothing arms them.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use polling::Poller;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use super::pwait2;
use crate::sys::{Event, Wanted, is_refusal, poller, refused};

/// The key of the notifier. `polling` reserves `u64::MAX` for itself.
const NOTIFY: u64 = u64::MAX - 1;

const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Converts the error of a call that the raw backend needs and the portable one does not. If the
/// system refuses the call, the kind is `Unsupported`, on which `Backend::Auto` falls back.
fn unsupported(call: &str, errno: Errno) -> io::Error {
    if !is_refusal(errno) {
        return errno.into();
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!(
            "the raw backend needs {call}, which this kernel does not have or a sandbox does not \
             allow ({errno}); use Backend::Auto"
        ),
    )
}

/// Ends the wait of a [`Raw`] from another thread.
#[derive(Clone)]
pub(crate) struct RawNotifier(Arc<OwnedFd>);

impl RawNotifier {
    pub(crate) fn notify(&self) {
        // Each write is an edge. The counter is never read; it would overflow after 2^64 writes,
        // and its edge would remain.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// The raw backend of a reactor.
pub(crate) struct Raw {
    poller: Poller,
    events: RefCell<Vec<epoll::Event>>,
    notify: RawNotifier,
}

impl Raw {
    pub(crate) fn new(capacity: NonZeroUsize) -> io::Result<Raw> {
        let poller = poller()?;
        let notify = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| unsupported("eventfd2", errno))?;
        epoll::add(
            &poller,
            &notify,
            EventData::new_u64(NOTIFY),
            EventFlags::IN | EventFlags::ET,
        )?;
        let events = RefCell::new(Vec::with_capacity(capacity.get()));
        let raw = Raw {
            poller,
            events,
            notify: RawNotifier(Arc::new(notify)),
        };
        // Both kinds of waits, so that a wait that the system refuses is an error here and not a
        // panic of the loop.
        raw.wait(Some(Duration::ZERO), &mut Vec::new())
            .map_err(|error| refused(error, || "epoll_pwait"))?;
        // Only the notifier is registered, so this waits for 1 ns.
        raw.wait(Some(Duration::from_nanos(1)), &mut Vec::new())
            .map_err(|error| match Errno::from_io_error(&error) {
                Some(errno) => unsupported("epoll_pwait2", errno),
                None => error,
            })?;
        Ok(raw)
    }

    pub(crate) fn notifier(&self) -> RawNotifier {
        self.notify.clone()
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }

    pub(crate) fn add(&self, fd: BorrowedFd<'_>, key: usize, what: Wanted) -> io::Result<()> {
        use EventFlags as E;
        // Errors and hang-ups are always reported.
        let mut flags = E::ET;
        if what.readable {
            flags |= E::IN | E::RDHUP | E::PRI;
        }
        if what.writable {
            flags |= E::OUT;
        }
        if what.priority {
            flags |= E::PRI;
        }
        let data = EventData::new_u64(key as u64);
        Ok(epoll::add(&self.poller, fd, data, flags)?)
    }

    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.poller, fd)?)
    }

    /// Waits without a timeout, or with a timeout of zero, neither of which rustix would round.
    fn untimed(
        &self,
        events: &mut Vec<epoll::Event>,
        timeout: Option<&Timespec>,
    ) -> Result<(), Errno> {
        epoll::wait(&self.poller, spare_capacity(events), timeout).map(drop)
    }

    pub(crate) fn wait(&self, timeout: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        let mut events = self.events.borrow_mut();
        events.clear();
        let waited = match timeout {
            Some(Duration::ZERO) => self.untimed(&mut events, Some(&NO_TIME)),
            Some(timeout) => pwait2::wait(self.as_fd(), &mut events, timeout),
            None => self.untimed(&mut events, None),
        };
        match waited {
            Ok(()) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        out.extend(
            events
                .iter()
                .filter(|event| event.data.u64() != NOTIFY)
                .map(|event| {
                    let (flags, data) = (event.flags, event.data);
                    let hung_up = flags.contains(EventFlags::HUP);
                    let failed = flags.contains(EventFlags::ERR);
                    let read_closed = hung_up || flags.contains(EventFlags::RDHUP);
                    let priority = flags.contains(EventFlags::PRI);
                    let writes = flags.contains(EventFlags::OUT);
                    // A pipe without a receiver is reported as an error and not as a hang-up.
                    let broken = failed && (writes || flags == EventFlags::ERR);
                    Event {
                        key: data.u64() as usize,
                        readable: read_closed
                            || failed
                            || priority
                            || flags.contains(EventFlags::IN),
                        writable: hung_up || failed || writes,
                        read_closed,
                        write_closed: hung_up || broken,
                        priority,
                        error: failed,
                    }
                }),
        );
        Ok(())
    }
}

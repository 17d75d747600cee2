//! Device that injects faults between the reactor and its backend: see [`crate::faults`]. `noop.rs`
//! replaces it in builds without the feature `faults`.
//!
//! Events are delayed, never lost: a delayed event is delivered before the loop sleeps for long,
//! and an injected `WouldBlock` is followed by an event, as after one of the kernel. Delayed events
//! repeat what was reported of the end of the stream, as the kernel's mask does. So a program that
//! hangs under faults has a bug, or this file has.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::backend::Driver;
use super::interest::Interest;
use super::notifier::Notifier;
use crate::faults::{Fault, Injector, Kind};
use crate::sim;
use crate::sys::Event;

/// Longest delay of a notification.
const LATE: Duration = Duration::from_millis(1);

/// The backend of a reactor, with faults.
pub(super) struct Device {
    driver: Driver,
    pub(super) faults: Injector,
    /// Delayed events, each with the number of waits until it is delivered.
    held: RefCell<Vec<(usize, Event)>>,
    /// For each registered descriptor, which directions were reported as ended. This is final.
    ends: RefCell<BTreeMap<usize, Ends>>,
    /// The key that was deregistered last.
    gone: Cell<Option<usize>>,
}

/// The directions of a descriptor that have ended.
#[derive(Clone, Copy, Default)]
struct Ends {
    read: bool,
    write: bool,
}

impl Device {
    pub(super) fn new(driver: Driver, faults: Injector) -> Device {
        Device {
            driver,
            faults,
            held: RefCell::default(),
            ends: RefCell::default(),
            gone: Cell::new(None),
        }
    }

    pub(super) fn notifier(&self) -> Notifier {
        self.driver.notifier()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.driver.as_fd()
    }

    /// Returns the backend, if it is that of a simulated host.
    #[allow(dead_code, reason = "for the feature `sim`")]
    pub(super) fn simulated(&self) -> Option<&sim::Backend> {
        self.driver.simulated()
    }

    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize, what: Interest) -> io::Result<()> {
        self.driver.add(fd, key, what)?;
        self.ends.borrow_mut().insert(key, Ends::default());
        Ok(())
    }

    pub(super) fn remove(&self, fd: Option<BorrowedFd<'_>>, key: usize) -> io::Result<()> {
        self.ends.borrow_mut().remove(&key);
        self.gone.set(Some(key));
        fd.map_or(Ok(()), |fd| self.driver.remove(fd))
    }

    pub(super) fn reports_hangup(&self) -> bool {
        self.driver.reports_hangup()
    }

    /// Makes a system call, or returns that it was interrupted or would block.
    pub(super) fn call<R>(
        &self,
        key: usize,
        interest: Interest,
        op: &mut impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        match self.faults.call() {
            None => op(),
            Some(Fault::Interrupted) => Err(io::ErrorKind::Interrupted.into()),
            Some(Fault::WouldBlock) => {
                let event = Event {
                    readable: interest.is_readable(),
                    writable: interest.is_writable(),
                    priority: interest.is_priority(),
                    error: interest.is_error(),
                    ..nothing(key)
                };
                self.hold(event);
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }

    pub(super) fn wait(&self, timeout: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        if !self.faults.is_on() {
            return self.driver.wait(timeout, out);
        }
        let due = self.take_due();
        // Events that are due end the wait. Held events are delayed by waits and not by time, so
        // the loop must not wait for long while there are any.
        let nothing_held = due.is_empty() && self.held.borrow().is_empty();
        let timeout = if nothing_held {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let mut fresh = Vec::new();
        let result = self.wait_for(timeout, &mut fresh);
        for event in fresh {
            self.deliver(event, out);
        }
        out.extend(due.into_iter().map(|event| self.with_ends(event)));
        self.make_up(out);
        self.reorder(out);
        result
    }

    fn wait_for(&self, timeout: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        if self.faults.happens(Kind::Early) {
            return Ok(());
        }
        self.driver.wait(timeout, out)?;
        let may_wait = timeout != Some(Duration::ZERO);
        if may_wait && out.is_empty() && self.faults.happens(Kind::LateNotify) {
            // As if the notification, or the end of the timeout, had come later.
            self.driver.wait(Some(LATE), out)?;
        }
        Ok(())
    }

    /// Delivers an event: now or later, once or twice, whole or in two parts.
    fn deliver(&self, event: Event, out: &mut Vec<Event>) {
        if let Some(ends) = self.ends.borrow_mut().get_mut(&event.key) {
            ends.read |= event.read_closed;
            ends.write |= event.write_closed;
        }
        if self.faults.happens(Kind::LateEvent) {
            return self.hold(event);
        }
        if self.faults.happens(Kind::Twice) {
            self.hold(event);
        }
        let (readable, writable) = halves(event);
        if event.readable && event.writable && self.faults.happens(Kind::Split) {
            let read_first = self.faults.below(2) == 0;
            let (now, later) = if read_first {
                (readable, writable)
            } else {
                (writable, readable)
            };
            self.hold(later);
            return out.push(now);
        }
        out.push(event);
    }

    /// Delays an event by one to three waits.
    fn hold(&self, event: Event) {
        let waits = 1 + self.faults.below(3);
        self.held.borrow_mut().push((waits, event));
    }

    /// Takes the delayed events that are due in this wait.
    fn take_due(&self) -> Vec<Event> {
        let mut held = self.held.borrow_mut();
        for (waits, _) in held.iter_mut() {
            *waits -= 1;
        }
        let (due, rest) = mem::take(&mut *held)
            .into_iter()
            .partition(|(waits, _)| *waits == 0);
        *held = rest;
        let due: Vec<(usize, Event)> = due;
        due.into_iter().map(|(_, event)| event).collect()
    }

    /// Adds to an event what was reported of the ends of its descriptor.
    fn with_ends(&self, mut event: Event) -> Event {
        let ends = self.ends.borrow();
        let ends = ends.get(&event.key).copied().unwrap_or_default();
        event.read_closed |= event.readable && ends.read;
        event.write_closed |= event.writable && ends.write;
        event
    }

    /// Adds a spurious event, for a registered descriptor or for the one that was deregistered
    /// last.
    fn make_up(&self, out: &mut Vec<Event>) {
        if !self.faults.happens(Kind::Spurious) {
            return;
        }
        let ends = self.ends.borrow();
        let keys = ends.keys().copied().chain(self.gone.get());
        if let Some(key) = keys.clone().nth(self.faults.below(ends.len() + 1)) {
            let event = Event {
                readable: self.faults.below(2) == 0,
                writable: self.faults.below(2) == 0,
                ..nothing(key)
            };
            drop(ends);
            out.push(self.with_ends(event));
        }
    }

    fn reorder(&self, events: &mut [Event]) {
        if events.len() > 1 && self.faults.happens(Kind::Reordered) {
            for last in (1..events.len()).rev() {
                events.swap(last, self.faults.below(last + 1));
            }
        }
    }
}

/// Returns an event that reports nothing.
fn nothing(key: usize) -> Event {
    Event {
        key,
        readable: false,
        writable: false,
        read_closed: false,
        write_closed: false,
        priority: false,
        error: false,
    }
}

/// Splits an event into its part for reading and its part for writing.
fn halves(event: Event) -> (Event, Event) {
    let readable = Event {
        writable: false,
        write_closed: false,
        ..event
    };
    let writable = Event {
        readable: false,
        read_closed: false,
        priority: false,
        ..event
    };
    (readable, writable)
}

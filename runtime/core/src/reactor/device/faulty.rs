//! The backend, with faults on purpose: see [`crate::faults`]. `faultless.rs` is its twin.
//!
//! What is held back here comes later, and nothing is lost: an event that comes late comes before
//! the loop sleeps for long, and a made-up `WouldBlock` owes an event, as the kernel's would. Such
//! an event also says again what was said of the end of the stream, as the kernel's would.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::backend::Driver;
use super::event::Event;
use super::interest::Interest;
use super::notifier::Notifier;
use crate::faults::{Fault, Injector, Kind};

/// By how much a notification is late at the most.
const LATE: Duration = Duration::from_millis(1);

pub(super) struct Device {
    driver: Driver,
    pub(super) faults: Injector,
    /// Events to come, with the number of waits until they do.
    held: RefCell<Vec<(usize, Event)>>,
    /// What was said of the ends of each registered descriptor. Ends are for good.
    ends: RefCell<BTreeMap<usize, Ends>>,
    /// The key that was given back last.
    gone: Cell<Option<usize>>,
}

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

    pub(super) fn add(&self, fd: BorrowedFd<'_>, key: usize) -> io::Result<()> {
        self.driver.add(fd, key)?;
        self.ends.borrow_mut().insert(key, Ends::default());
        Ok(())
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>, key: usize) -> io::Result<()> {
        self.ends.borrow_mut().remove(&key);
        self.gone.set(Some(key));
        self.driver.remove(fd)
    }

    pub(super) fn reports_hangup(&self) -> bool {
        self.driver.reports_hangup()
    }

    /// Makes a system call, or says that it was interrupted or would block.
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
        // What is due ends the wait, and what is held back is some waits late, not some time.
        let nothing_held = due.is_empty() && self.held.borrow().is_empty();
        let timeout = if nothing_held {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let mut fresh = Vec::new();
        let result = self.wait_for(timeout, &mut fresh);
        for event in fresh {
            self.tell(event, out);
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
            // As if the notification, or the end of the time, had not been there yet.
            self.driver.wait(Some(LATE), out)?;
        }
        Ok(())
    }

    /// Tells of an event, now or later, once or twice, whole or in parts.
    fn tell(&self, event: Event, out: &mut Vec<Event>) {
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

    fn hold(&self, event: Event) {
        let waits = 1 + self.faults.below(3);
        self.held.borrow_mut().push((waits, event));
    }

    /// What this wait brings of what was held back.
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

    fn with_ends(&self, mut event: Event) -> Event {
        let ends = self.ends.borrow();
        let ends = ends.get(&event.key).copied().unwrap_or_default();
        event.read_closed |= event.readable && ends.read;
        event.write_closed |= event.writable && ends.write;
        event
    }

    /// An event that has no reason, for a descriptor that may be gone.
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

fn nothing(key: usize) -> Event {
    Event {
        key,
        readable: false,
        writable: false,
        read_closed: false,
        write_closed: false,
    }
}

/// What an event says of reading, and what of writing.
fn halves(event: Event) -> (Event, Event) {
    let readable = Event {
        writable: false,
        write_closed: false,
        ..event
    };
    let writable = Event {
        readable: false,
        read_closed: false,
        ..event
    };
    (readable, writable)
}

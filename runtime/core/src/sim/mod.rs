//! What the runtime of a simulated host is built on, for the package `wakeful-sim`. Not a public
//! interface: it may change in every version.
//!
//! Such a runtime has no descriptor. Its events come from the simulation, through [`Signal`]s, and
//! its clock is moved by the simulation, see `runtime/simulated.rs`. Its blocking pool runs each
//! closure where it is spawned.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use crate::split_mix::SplitMix;
use crate::sys::{Event, Wanted};

/// Pseudo-random numbers that a seed repeats.
#[derive(Debug)]
pub struct Numbers(SplitMix);

impl Numbers {
    /// Returns a generator that begins with this seed.
    pub fn new(seed: u64) -> Numbers {
        Numbers(SplitMix::new(seed))
    }

    /// Returns the next number, of 64 random bits.
    pub fn next(&self) -> u64 {
        self.0.next()
    }

    /// Returns a number below `limit`, or 0 if that is 0.
    pub fn below(&self, limit: u64) -> u64 {
        // The product's upper half is below the limit.
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }
}

/// Mark of what is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode;

impl Mode {
    /// Ends no wait, as a simulated reactor never waits.
    #[allow(clippy::unused_self, reason = "the twin has no value to call it on")]
    pub(crate) fn notify(self) {}
}

/// Events that were raised and not yet fetched.
type Queue = Rc<RefCell<Vec<Event>>>;

/// The backend of a reactor whose events come from a simulation. It never waits.
pub(crate) struct Backend(Queue);

impl Backend {
    pub(crate) fn new(_: Mode) -> Backend {
        Backend(Rc::default())
    }

    pub(crate) fn notifier(&self) -> Mode {
        Mode
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        panic!(
            "the runtime of a simulated host has no descriptor: another event loop can't drive it"
        )
    }

    #[allow(clippy::unused_self, reason = "the other backends need it")]
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, _: usize, _: Wanted) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "descriptor {} can't be used in a simulated host: only TCP and UDP sockets that \
                 are made there by `wakeful::net` are simulated",
                fd.as_raw_fd()
            ),
        ))
    }

    #[allow(clippy::unused_self, reason = "the other backends need it")]
    pub(crate) fn remove(&self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn wait(&self, _: Option<Duration>, out: &mut Vec<Event>) -> io::Result<()> {
        out.append(&mut self.0.borrow_mut());
        Ok(())
    }

    /// Whether there are events to fetch.
    pub(crate) fn has_events(&self) -> bool {
        !self.0.borrow().is_empty()
    }

    /// Returns the signal of the source that is registered under `key`.
    pub(crate) fn signal(&self, key: usize) -> Signal {
        Signal {
            queue: self.0.clone(),
            key,
        }
    }
}

/// What an event of a simulated socket reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read is likely to succeed.
    pub readable: bool,
    /// A write is likely to succeed.
    pub writable: bool,
    /// The peer will send nothing more.
    pub read_closed: bool,
    /// Nothing more can be sent.
    pub write_closed: bool,
    /// An error is pending.
    pub error: bool,
}

/// Raises events of one simulated socket. It has no effect once the socket is closed.
pub struct Signal {
    queue: Queue,
    key: usize,
}

impl Signal {
    /// Adds an event, which the next turn of the host's runtime dispatches. This runs no user code.
    pub fn raise(&self, readiness: Readiness) {
        self.queue.borrow_mut().push(Event {
            key: self.key,
            readable: readiness.readable,
            writable: readiness.writable,
            read_closed: readiness.read_closed,
            write_closed: readiness.write_closed,
            priority: false,
            error: readiness.error,
        });
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

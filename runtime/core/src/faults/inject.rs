//! Decides at each occasion whether a fault happens. In builds without the feature, `noop.rs` takes
//! its place.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use super::plan::{Dice, Kind, Plan};

/// The fault plan of the builder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) plan: Option<Plan>,
}

/// Result of a system call that is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Interrupted,
    WouldBlock,
}

/// Fault injector of one loop. Clones share one sequence of decisions.
#[derive(Clone, Debug)]
pub(crate) struct Injector(Option<Rc<Inner>>);

#[derive(Debug)]
struct Inner {
    plan: Plan,
    dice: Dice,
    /// The time at which the clock stopped, and the number of readings that still return it.
    clock: Cell<(u64, u64)>,
}

impl Injector {
    pub(crate) fn new(config: &Config) -> Injector {
        Injector(config.plan.clone().map(|plan| {
            Rc::new(Inner {
                dice: Dice::new(plan.seed()),
                plan,
                clock: Cell::new((0, 0)),
            })
        }))
    }

    /// Whether there is a plan.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the fault happens at this occasion.
    pub(crate) fn happens(&self, kind: Kind) -> bool {
        let inner = self.0.as_ref();
        inner.is_some_and(|inner| inner.plan.happens(kind, &inner.dice))
    }

    /// Returns a number below `limit`.
    pub(crate) fn below(&self, limit: usize) -> usize {
        let inner = self.0.as_ref();
        inner.map_or(0, |inner| inner.dice.below(limit as u64) as usize)
    }

    /// Returns the fault of a system call on a descriptor, if one happens.
    pub(crate) fn call(&self) -> Option<Fault> {
        if self.happens(Kind::Interrupted) {
            Some(Fault::Interrupted)
        } else if self.happens(Kind::WouldBlock) {
            Some(Fault::WouldBlock)
        } else {
            None
        }
    }

    /// Returns how many of `len` bytes a transfer may request.
    pub(crate) fn granted(&self, len: usize) -> usize {
        if len > 1 && self.happens(Kind::Short) {
            1 + self.below(len.min(64) - 1)
        } else {
            len
        }
    }

    /// Accepts a connection, or returns an error of its own.
    pub(crate) fn accepting<T>(&self, accept: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        use rustix::io::Errno;
        if self.happens(Kind::NoDescriptors) {
            Err(Errno::MFILE.into())
        } else if self.happens(Kind::Aborted) {
            // The connection stays in the queue; the error stands for one that was never there.
            Err(Errno::CONNABORTED.into())
        } else {
            accept()
        }
    }

    /// Returns the reading of the clock, where `now` is the real time.
    pub(crate) fn clock(&self, now: u64) -> u64 {
        let Some(inner) = &self.0 else { return now };
        let (stopped, left) = inner.clock.get();
        if left > 0 {
            inner.clock.set((stopped, left - 1));
            return stopped;
        }
        if self.happens(Kind::ClockStands) {
            inner.clock.set((now, 1 + inner.dice.below(20)));
        }
        now
    }
}

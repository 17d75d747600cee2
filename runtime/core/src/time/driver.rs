//! The clock and the wheel of a loop, joined.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::Waker;
use std::time::Duration;

use super::clock::{self, Clock};
pub(crate) use super::wheel::Stats;
use super::wheel::{Entry, Wheel};
use crate::faults::Injector;
use crate::trace::Recorder;
use crate::unwind::catch_each;

pub(crate) struct Timers {
    pub(super) clock: Clock,
    wheel: RefCell<Wheel>,
    /// What the clock said at the last look. Never ahead of it.
    reading: Cell<u64>,
    real_reading: Cell<u64>,
    trace: Recorder,
}

/// What the loop should do about its timers before it waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait for as long as it takes.
    Never,
    /// Wait no longer than this.
    In(Duration),
    /// The clock is stopped: do not wait, and if nothing else happens, jump.
    Stopped,
}

impl Timers {
    pub(crate) fn new(trace: Recorder, faults: Injector) -> Timers {
        let clock = Clock::new(faults);
        let wheel = RefCell::new(Wheel::new());
        Timers {
            clock,
            wheel,
            reading: Cell::new(0),
            real_reading: Cell::new(0),
            trace,
        }
    }

    /// The time of the last look: what timers compare with.
    #[inline]
    pub(super) fn reading(&self) -> u64 {
        self.reading.get()
    }

    /// Real time at the last look.
    pub(crate) fn last_reading(&self) -> Duration {
        Duration::from_nanos(self.real_reading.get())
    }

    /// Reads the clock and fires what is due. Returns how many fired.
    pub(crate) fn read_clock(&self) -> usize {
        let real = self.clock.real();
        self.real_reading.set(real);
        self.reading.set(self.clock.at(real));
        self.fire()
    }

    fn fire(&self) -> usize {
        let mut wheel = self.wheel.borrow_mut();
        // Nothing due is the usual case, and costs no more than this.
        if wheel.next().is_none_or(|next| next > self.reading.get()) {
            return 0;
        }
        wheel.advance(self.reading.get());
        drop(wheel);
        let mut fired = 0;
        // One at a time, and woken with nothing borrowed, as a waker may arm and disarm. One that
        // panics is passed over, as everywhere: see `task::waker::wake_catching_panics`.
        catch_each(|| {
            let Some(due) = self.wheel.borrow_mut().fire() else {
                return false;
            };
            fired += 1;
            let late = self.reading.get().saturating_sub(due.deadline);
            let _firing = self.trace.timer_fires(due.order, late);
            if let Some(waker) = due.waker {
                waker.wake();
            }
            true
        });
        fired
    }

    /// How long the loop may wait. `may_jump`: may a stopped clock be moved on?
    pub(crate) fn next(&self, may_jump: &dyn Fn() -> bool) -> Next {
        let Some(next) = self.wheel.borrow().next() else {
            return Next::Never;
        };
        if !self.clock.is_paused() {
            return Next::In(Duration::from_nanos(next.saturating_sub(self.clock.now())));
        }
        if next <= self.clock.now() {
            Next::In(Duration::ZERO)
        } else if next > clock::FARTHEST {
            // As good as never.
            Next::Never
        } else if may_jump() {
            Next::Stopped
        } else {
            Next::Never
        }
    }

    /// Stops the clock where it is.
    pub(crate) fn pause(&self) {
        self.clock.pause();
        self.read_clock();
    }

    /// Moves a stopped clock on to the next timer.
    pub(crate) fn jump(&self) {
        let next = self.wheel.borrow().next();
        if let Some(next) = next {
            self.clock.advance_to(next);
        }
    }

    /// No timer fires any more: those that are armed are disarmed, and whoever waits for them is given back.
    pub(crate) fn disarm_all(&self) -> Vec<Waker> {
        let mut wheel = self.wheel.borrow_mut();
        wheel.advance(u64::MAX);
        std::iter::from_fn(|| wheel.fire())
            .filter_map(|due| due.waker)
            .collect()
    }

    /// Calls `f` with the waker of each timer that is armed, until it breaks. `f` runs no user code.
    pub(crate) fn each_waker(
        &self,
        f: &mut dyn FnMut(&Waker) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.wheel.borrow().each_waker(f)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.wheel.borrow().stats()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.clock.is_paused()
    }

    /// # Safety
    /// As for [`Wheel::insert`].
    #[inline]
    pub(super) unsafe fn arm(&self, entry: Pin<&Entry>, deadline: u64) {
        // SAFETY: by the contract.
        unsafe { self.wheel.borrow_mut().insert(entry, deadline) };
        let at = || clock::to_std(deadline);
        self.trace.timer_armed(entry.order(), at);
    }

    /// Disarms, and gives the waker back, to be dropped by the caller.
    #[inline]
    pub(super) fn disarm(&self, entry: &Entry) -> Option<Waker> {
        if entry.is_armed() {
            self.trace.timer_cancelled(entry.order());
        }
        self.wheel.borrow_mut().remove(entry);
        entry.take_waker()
    }
}

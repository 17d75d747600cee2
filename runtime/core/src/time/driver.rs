//! The timers of a loop: its clock and its wheel.
//!
//! A sleep takes its deadline from the clock when it is made. Whether the deadline has passed is
//! decided by the loop's last reading of the clock, which is never ahead of it. So no sleep ends
//! early, and a poll reads no clock.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::Waker;
use std::time::Duration;

use super::clock::{self, Clock};
pub(crate) use super::wheel::TimerStats;
use super::wheel::{Entry, Wheel};
use crate::faults::Injector;
use crate::trace::Recorder;
use crate::unwind::catch_each;

/// Clock and timers of one loop.
pub(crate) struct Timers {
    pub(super) clock: Clock,
    wheel: RefCell<Wheel>,
    /// The last reading of the clock, in virtual time and in real time.
    reading: Cell<u64>,
    real_reading: Cell<u64>,
    trace: Recorder,
}

/// What the timers require of the next wait of the loop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A wait without a timeout.
    Never,
    /// A wait with this timeout.
    In(Duration),
    /// No wait: the clock is stopped, and jumps if there is no event.
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

    /// Returns the last reading of the clock, with which deadlines are compared.
    #[inline]
    pub(super) fn reading(&self) -> u64 {
        self.reading.get()
    }

    /// Returns the real time of the last reading.
    pub(crate) fn last_reading(&self) -> Duration {
        Duration::from_nanos(self.real_reading.get())
    }

    /// Reads the clock and fires the timers that are due. Returns their number.
    pub(crate) fn read_clock(&self) -> usize {
        let real = self.clock.real();
        self.real_reading.set(real);
        self.reading.set(self.clock.at(real));
        self.fire()
    }

    fn fire(&self) -> usize {
        let mut wheel = self.wheel.borrow_mut();
        // Fast path for the usual case that no timer is due.
        if wheel.next().is_none_or(|next| next > self.reading.get()) {
            return 0;
        }
        wheel.advance(self.reading.get());
        drop(wheel);
        let mut fired = 0;
        // One at a time, and woken with nothing borrowed, as a foreign waker may arm and disarm
        // timers. A waker that panics does not keep the others from being woken.
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

    /// Returns how long the loop may wait. `may_jump`: whether a stopped clock may jump.
    pub(crate) fn next(&self, may_jump: &dyn Fn() -> bool) -> Next {
        let Some(next) = self.wheel.borrow().next() else {
            return Next::Never;
        };
        if !self.clock.is_paused() {
            return Next::In(Duration::from_nanos(next.saturating_sub(self.clock.now())));
        }
        if next <= self.clock.now() {
            Next::In(Duration::ZERO)
        } else if may_jump() && next <= clock::FARTHEST {
            Next::Stopped
        } else {
            Next::Never
        }
    }

    /// Returns the deadline of the next timer, or a little less; `u64::MAX` if none is armed.
    pub(crate) fn next_deadline(&self) -> u64 {
        self.wheel.borrow().next().unwrap_or(u64::MAX)
    }

    /// Returns how far away the next timer is, if the clock is stopped and can't reach it.
    pub(crate) fn unreachable(&self) -> Option<Duration> {
        let next = self.wheel.borrow().next()?;
        let is_unreachable = self.clock.is_paused() && next > clock::FARTHEST;
        is_unreachable.then(|| Duration::from_nanos(next - self.clock.now()))
    }

    /// Stops the clock at its present time.
    pub(crate) fn pause(&self) {
        self.clock.pause();
        self.read_clock();
    }

    /// Stops the clock at this time since the beginning of a simulation, or leaves it if it is
    /// later.
    pub(crate) fn stop_at(&self, since: Duration) {
        self.clock.stop_at(since, self.reading.get());
    }

    /// Returns the deadline of the next timer, or a little less, since the beginning of a
    /// simulation.
    #[allow(dead_code, reason = "for the feature `sim`")]
    pub(crate) fn next_since(&self) -> Option<Duration> {
        let next = self.wheel.borrow().next()?;
        (next <= clock::FARTHEST).then(|| clock::since_simulated(next))
    }

    /// Moves a stopped clock forward to the next deadline.
    pub(crate) fn jump(&self) {
        let next = self.wheel.borrow().next();
        if let Some(next) = next {
            self.clock.advance_to(next);
        }
    }

    /// Disarms all timers and returns their wakers.
    pub(crate) fn disarm_all(&self) -> Vec<Waker> {
        let mut wheel = self.wheel.borrow_mut();
        wheel.advance(u64::MAX);
        std::iter::from_fn(|| wheel.fire())
            .filter_map(|due| due.waker)
            .collect()
    }

    /// Calls `f` with the waker of each armed timer, until `f` breaks. `f` runs no user code.
    pub(crate) fn each_waker(
        &self,
        f: &mut dyn FnMut(&Waker) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.wheel.borrow().each_waker(f)
    }

    pub(crate) fn stats(&self) -> TimerStats {
        self.wheel.borrow().stats()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.clock.is_paused()
    }

    /// Arms a timer.
    ///
    /// # Safety
    /// As for [`Wheel::insert`].
    #[inline]
    pub(super) unsafe fn arm(&self, entry: Pin<&Entry>, deadline: u64) {
        // SAFETY: by the contract.
        unsafe { self.wheel.borrow_mut().insert(entry, deadline) };
        let at = || clock::to_std(self.clock.as_real(deadline));
        self.trace.timer_armed(entry.order(), at);
    }

    /// Disarms a timer and returns its waker, to be dropped with nothing borrowed.
    #[inline]
    pub(super) fn disarm(&self, entry: &Entry) -> Option<Waker> {
        if entry.is_armed() {
            self.trace.timer_cancelled(entry.order());
        }
        self.wheel.borrow_mut().remove(entry);
        entry.take_waker()
    }
}

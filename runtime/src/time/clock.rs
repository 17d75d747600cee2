//! The clock of a loop: the system's, or one that a test moves by hand. The one file that reads the
//! system's clock.

use std::cell::Cell;
use std::time::Duration;

use crate::faults::Injector;

/// What the clock says when it is made: a day.
const PAST: u64 = 86_400_000_000_000;

/// Nanoseconds since some moment before the clock was made. They last for 584 years.
#[derive(Debug)]
pub(crate) struct Clock {
    /// One moment, as std says it and as this clock does.
    base: (std::time::Instant, u64),
    ticks: Ticks,
    /// Stopped at this many nanoseconds.
    stopped: Cell<Option<u64>>,
    /// How far virtual time has run ahead of the system's, in nanoseconds; behind if negative.
    ahead: Cell<i64>,
    faults: Injector,
}

/// A duration in nanoseconds; one that is too long is as good as for ever.
#[inline(always)]
pub(super) fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
}

/// The system's clock as nanoseconds since some moment, the same for every thread. No virtual time.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn ticks() -> u64 {
    Ticks::read()
}

/// The system's clock as nanoseconds since some moment, the same for every thread. No virtual time.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ticks() -> u64 {
    static BASE: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    nanos(BASE.get_or_init(system_now).elapsed())
}

/// The system's clock as a number that is read cheaply.
#[derive(Debug)]
struct Ticks {
    #[cfg(target_os = "linux")]
    base: u64,
    #[cfg(not(target_os = "linux"))]
    base: std::time::Instant,
}

#[cfg(target_os = "linux")]
impl Ticks {
    fn new() -> Ticks {
        Ticks { base: Self::read() }
    }

    /// What std reads on Linux, without the way through seconds and back.
    #[inline]
    fn read() -> u64 {
        let mut now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a `timespec` of ours. It can't fail, as Linux has this clock.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
        // Seconds since the machine was started.
        (now.tv_sec as u64).wrapping_mul(1_000_000_000) + now.tv_nsec as u64
    }

    /// Nanoseconds since `new`.
    #[inline]
    fn elapsed(&self) -> u64 {
        // It never goes back.
        Self::read() - self.base
    }
}

#[cfg(not(target_os = "linux"))]
impl Ticks {
    fn new() -> Ticks {
        Ticks { base: system_now() }
    }

    fn elapsed(&self) -> u64 {
        nanos(self.base.elapsed())
    }
}

/// The system's clock.
pub(crate) fn system_now() -> std::time::Instant {
    std::time::Instant::now()
}

impl Clock {
    pub(crate) fn new(faults: Injector) -> Clock {
        let now = system_now();
        Clock {
            // Not from zero, so that there is a past.
            base: (now, PAST),
            // Read after `now`, so this clock may be a little behind std's, and nothing is early.
            ticks: Ticks::new(),
            stopped: Cell::new(None),
            ahead: Cell::new(0),
            faults,
        }
    }

    /// The real time.
    #[inline]
    pub(crate) fn real(&self) -> u64 {
        PAST + self.faults.clock(self.ticks.elapsed())
    }

    /// The time that timers go by.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.at(self.real())
    }

    /// The time that timers go by, when the real one is known.
    #[inline]
    pub(crate) fn at(&self, real: u64) -> u64 {
        match self.stopped.get() {
            Some(stopped) => stopped,
            // Not below zero: `ahead` was made so that the sum was not, and `real` only rises.
            None => real.wrapping_add_signed(self.ahead.get()),
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.stopped.get().is_some()
    }

    pub(crate) fn pause(&self) {
        self.stopped.set(Some(self.now()));
    }

    pub(crate) fn resume(&self) {
        if let Some(stopped) = self.stopped.take() {
            self.ahead
                .set(stopped.wrapping_sub(self.real()).cast_signed());
        }
    }

    /// Moves a stopped clock forward to `nanos`. It never goes back.
    pub(crate) fn advance_to(&self, nanos: u64) {
        if let Some(stopped) = self.stopped.get() {
            // Half of what fits is 292 years, and leaves room for the way back to real time.
            self.stopped
                .set(Some(stopped.max(nanos.min(i64::MAX as u64))));
        }
    }

    /// A point of the clock as one of the system's.
    pub(super) fn to_instant(&self, nanos: u64) -> std::time::Instant {
        let (base, at) = self.base;
        let point = if nanos >= at {
            base.checked_add(Duration::from_nanos(nanos - at))
        } else {
            base.checked_sub(Duration::from_nanos(at - nanos))
        };
        point.unwrap_or(base)
    }

    /// A point of the system's clock as one of this clock. What lies before its beginning is
    /// its beginning.
    pub(super) fn to_nanos(&self, instant: std::time::Instant) -> u64 {
        let (base, at) = self.base;
        match instant.checked_duration_since(base) {
            Some(after) => at.saturating_add(nanos(after)),
            None => at.saturating_sub(nanos(base.duration_since(instant))),
        }
    }
}

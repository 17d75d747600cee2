//! The clock of a loop: the system's, or one that a test moves by hand. The one file that reads the
//! system's clock.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::Duration;

use crate::faults::Injector;

/// What a clock says of the moment from which [`ticks`] count: 73 years, so that there is a past.
const PAST: u64 = 1 << 61;

/// Nanoseconds since some moment, the same for every clock. They last for 584 years.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Stopped at this many nanoseconds.
    stopped: Cell<Option<u64>>,
    /// How far virtual time has run ahead of the system's, in nanoseconds; behind if negative.
    ahead: Cell<i64>,
    faults: Injector,
}

/// A duration in nanoseconds; one that is too long is as good as for ever.
#[inline(always)]
pub(super) fn nanos(duration: Duration) -> u64 {
    // Not by `checked_nanos`, which takes seven instructions more.
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
}

/// A duration in nanoseconds, if that can be said.
#[inline]
pub(super) fn checked_nanos(duration: Duration) -> Option<u64> {
    let seconds = duration.as_secs().checked_mul(1_000_000_000)?;
    seconds.checked_add(u64::from(duration.subsec_nanos()))
}

/// The system's clock as nanoseconds since some moment, the same for every thread. No virtual time.
/// It is what std reads on Linux, without the way through seconds and back.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn ticks() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a `timespec` of ours. It can't fail, as Linux has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // Seconds since the machine was started.
    (now.tv_sec as u64).wrapping_mul(1_000_000_000) + now.tv_nsec as u64
}

/// The system's clock as nanoseconds since some moment, the same for every thread. No virtual time.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ticks() -> u64 {
    static BASE: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    nanos(BASE.get_or_init(system_now).elapsed())
}

/// The system's clock, as a clock says it that no test has moved.
#[inline]
pub(super) fn system() -> u64 {
    PAST + ticks()
}

/// One moment, as std says it and as clocks do. Ours is read after std's, so a clock may be a little
/// behind it, and nothing is early; of a few tries the one counts that was interrupted least.
fn base() -> (std::time::Instant, u64) {
    static BASE: OnceLock<(std::time::Instant, u64)> = OnceLock::new();
    *BASE.get_or_init(|| {
        let tries = [(); 5].map(|()| {
            let before = ticks();
            let std = system_now();
            let after = ticks();
            (after - before, std, PAST + after)
        });
        let (_, std, nanos) = tries.into_iter().min().expect("there are some");
        (std, nanos)
    })
}

/// A point of a clock as one of std's.
pub(super) fn to_std(nanos: u64) -> std::time::Instant {
    let (std, at) = base();
    let point = if nanos >= at {
        std.checked_add(Duration::from_nanos(nanos - at))
    } else {
        std.checked_sub(Duration::from_nanos(at - nanos))
    };
    point.unwrap_or(std)
}

/// A point of std's clock as one of ours, or the nearest that there is.
pub(super) fn of_std(std: std::time::Instant) -> u64 {
    let (base, at) = base();
    match std.checked_duration_since(base) {
        Some(after) => at.saturating_add(nanos(after)),
        None => at.saturating_sub(nanos(base.duration_since(std))),
    }
}

/// A stopped clock goes no farther. Half of what fits is 292 years, and leaves room for the way back to real
/// time.
pub(super) const FARTHEST: u64 = i64::MAX as u64;

/// The system's clock.
pub(crate) fn system_now() -> std::time::Instant {
    std::time::Instant::now()
}

impl Clock {
    pub(crate) fn new(faults: Injector) -> Clock {
        Clock {
            stopped: Cell::new(None),
            ahead: Cell::new(0),
            faults,
        }
    }

    /// The real time.
    #[inline]
    pub(crate) fn real(&self) -> u64 {
        self.faults.clock(system())
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
            self.stopped.set(Some(stopped.max(nanos.min(FARTHEST))));
        }
    }
}

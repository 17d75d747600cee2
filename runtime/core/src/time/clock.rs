//! The clock of a loop: the system's clock, or virtual time that a test controls. No other file
//! reads the system's clock.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::Duration;

use crate::faults::Injector;
use crate::sys::MONOTONIC;

/// Offset in nanoseconds that is added to [`ticks`], so that instants up to 73 years before boot
/// are representable.
const PAST: u64 = 1 << 61;

/// Clock of a loop. Its times are nanoseconds since a moment that all clocks share, which suffices
/// for 584 years.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The time at which the clock is stopped.
    stopped: Cell<Option<u64>>,
    /// Virtual time minus real time, in nanoseconds.
    ahead: Cell<i64>,
    faults: Injector,
}

/// Returns a duration in nanoseconds, or the largest number if it is longer.
#[inline(always)]
pub(super) fn nanos(duration: Duration) -> u64 {
    // Not with `checked_nanos`, which takes seven more instructions.
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
}

/// Returns a duration in nanoseconds, if they fit.
#[inline]
pub(super) fn checked_nanos(duration: Duration) -> Option<u64> {
    let seconds = duration.as_secs().checked_mul(1_000_000_000)?;
    seconds.checked_add(u64::from(duration.subsec_nanos()))
}

/// Reads the system's clock: nanoseconds since a moment that all threads share, never virtual time.
/// This is the clock that std reads, without its conversions.
#[inline]
pub(crate) fn ticks() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local `timespec`. The call can't fail, as the system has
    // this clock.
    unsafe { libc::clock_gettime(MONOTONIC, &raw mut now) };
    // Not negative: seconds since boot.
    (now.tv_sec as u64).wrapping_mul(1_000_000_000) + now.tv_nsec as u64
}

/// Returns the present time of a clock that was never stopped.
#[inline]
pub(super) fn system() -> u64 {
    PAST + ticks()
}

/// Returns one moment as an instant of std and as a time of clocks. The clock is read after std's,
/// so a converted time may be slightly late and is never early. Of a few tries, the one with the
/// least time between the readings is used.
fn base() -> (std::time::Instant, u64) {
    static BASE: OnceLock<(std::time::Instant, u64)> = OnceLock::new();
    *BASE.get_or_init(|| {
        let tries = [(); 5].map(|()| {
            let before = ticks();
            let std = system_now();
            let after = ticks();
            (after - before, std, PAST + after)
        });
        let (_, std, nanos) = tries.into_iter().min().expect("five tries");
        (std, nanos)
    })
}

/// Converts a time of a clock to an instant of std.
pub(super) fn to_std(nanos: u64) -> std::time::Instant {
    let (std, at) = base();
    let point = if nanos >= at {
        std.checked_add(Duration::from_nanos(nanos - at))
    } else {
        std.checked_sub(Duration::from_nanos(at - nanos))
    };
    point.unwrap_or(std)
}

/// Converts an instant of std to a time of clocks, or to the nearest that is representable.
pub(super) fn of_std(std: std::time::Instant) -> u64 {
    let (base, at) = base();
    match std.checked_duration_since(base) {
        Some(after) => at.saturating_add(nanos(after)),
        None => at.saturating_sub(nanos(base.duration_since(std))),
    }
}

/// Latest time of a stopped clock: 292 years, half of the range, so that `ahead` does not overflow
/// when the clock is resumed.
pub(super) const FARTHEST: u64 = i64::MAX as u64;

/// Returns how long after the beginning of a simulation a time of its clocks is.
#[allow(dead_code, reason = "for the feature `sim`")]
pub(super) fn since_simulated(nanos: u64) -> Duration {
    Duration::from_nanos(nanos.saturating_sub(PAST))
}

/// Reads the system's clock as an instant of std.
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

    /// Returns the real time.
    #[inline]
    pub(crate) fn real(&self) -> u64 {
        self.faults.clock(system())
    }

    /// Returns the time of the loop, virtual or real.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.at(self.real())
    }

    /// Returns the time of the loop at a given real time.
    #[inline]
    pub(crate) fn at(&self, real: u64) -> u64 {
        match self.stopped.get() {
            Some(stopped) => stopped,
            // Not below zero: the sum was not when `ahead` was set, and `real` only rises.
            None => real.wrapping_add_signed(self.ahead.get()),
        }
    }

    /// Returns the real time that is as far from now as a time of the loop is from the loop's time.
    /// The two differ once the clock has been stopped.
    pub(super) fn as_real(&self, time: u64) -> u64 {
        match (self.stopped.get(), self.ahead.get()) {
            (Some(stopped), _) => time.saturating_add(system()).saturating_sub(stopped),
            (None, ahead) => time.saturating_add_signed(ahead.saturating_neg()),
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.stopped.get().is_some()
    }

    pub(crate) fn pause(&self) {
        self.stopped.set(Some(self.now()));
    }

    /// Stops the clock at this time since the beginning of a simulation, but not before `least`.
    pub(crate) fn stop_at(&self, since: Duration, least: u64) {
        let at = PAST.saturating_add(nanos(since));
        self.stopped.set(Some(at.max(least).min(FARTHEST)));
    }

    pub(crate) fn resume(&self) {
        if let Some(stopped) = self.stopped.take() {
            self.ahead
                .set(stopped.wrapping_sub(self.real()).cast_signed());
        }
    }

    /// Moves a stopped clock forward to `nanos`, and never back.
    pub(crate) fn advance_to(&self, nanos: u64) {
        if let Some(stopped) = self.stopped.get() {
            self.stopped.set(Some(stopped.max(nanos.min(FARTHEST))));
        }
    }
}

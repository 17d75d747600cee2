//! `Instant`: a point in time by the clock of the loop.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use super::clock;
use crate::reactor::current;

/// A point in time. Unlike that of std, [`now`](Self::now) follows the clock of the runtime, which
/// a test can [`pause`](super::pause). The range is smaller: 73 years before boot to some 500 years
/// after it. Sums beyond that range are its first or last instant.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{Instant, advance, pause};
///
/// wakeful::block_on(async {
///     pause();
///     let before = Instant::now();
///     advance(Duration::from_secs(60)).await;
///     assert_eq!(before.elapsed(), Duration::from_secs(60));
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    // A time of clocks, as most instants become the deadline of a sleep.
    nanos: u64,
}

impl Instant {
    /// Returns the present time of this thread's runtime; outside a runtime, the system's.
    #[inline]
    pub fn now() -> Instant {
        Instant::from_nanos(clock_now().unwrap_or_else(clock::system))
    }

    #[inline]
    pub(super) fn from_nanos(nanos: u64) -> Instant {
        Instant { nanos }
    }

    #[inline]
    pub(super) fn nanos(self) -> u64 {
        self.nanos
    }

    /// Returns an instant about thirty years from now, which stands for "never".
    pub(crate) fn far_future() -> Instant {
        Self::now() + Duration::from_secs(86_400 * 365 * 30)
    }

    /// Returns the instant `duration` from now, or one far in the future if that is out of range.
    pub(crate) fn after(duration: Duration) -> Instant {
        Self::now()
            .checked_add(duration)
            .unwrap_or_else(Instant::far_future)
    }

    /// Converts an instant of std. An instant out of range becomes the nearest in range.
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant::from_nanos(clock::of_std(std))
    }

    /// Converts to an instant of std.
    pub fn into_std(self) -> std::time::Instant {
        clock::to_std(self.nanos)
    }

    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }

    /// Returns the time since `earlier`, or `None` if `earlier` is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        let nanos = self.nanos.checked_sub(earlier.nanos)?;
        Some(Duration::from_nanos(nanos))
    }

    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }

    /// Returns the time since this instant, or zero if it is in the future.
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// Returns the instant `duration` later, or `None` if it is out of range: more than some 500
    /// years from now.
    #[inline]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        let nanos = self.nanos.checked_add(clock::checked_nanos(duration)?)?;
        Some(Instant { nanos })
    }

    /// Returns the instant `duration` earlier, or `None` if it is out of range: more than 73 years
    /// before boot.
    #[inline]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        let nanos = self.nanos.checked_sub(clock::checked_nanos(duration)?)?;
        Some(Instant { nanos })
    }
}

/// Reads the clock of this thread's runtime, if there is one.
#[inline]
fn clock_now() -> Option<u64> {
    current::try_with(|reactor| reactor.timers().clock.now())
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant::from_std(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.into_std()
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Adds; where [`checked_add`](Instant::checked_add) returns `None`, the result is the last
    /// instant.
    #[inline]
    fn add(self, duration: Duration) -> Instant {
        Instant::from_nanos(self.nanos.saturating_add(clock::nanos(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// Subtracts; where [`checked_sub`](Instant::checked_sub) returns `None`, the result is the
    /// first instant.
    #[inline]
    fn sub(self, duration: Duration) -> Instant {
        Instant::from_nanos(self.nanos.saturating_sub(clock::nanos(duration)))
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.into_std().fmt(f)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    #[test]
    fn conversion_from_std_and_back_changes_nothing() {
        let now = std::time::Instant::now();
        let around = [Duration::ZERO, Duration::from_nanos(1), YEAR, 70 * YEAR];
        for std in around.map(|by| [now + by, now - by]).concat() {
            assert_eq!(Instant::from_std(std).into_std(), std);
        }
        // Out of range.
        let far = now.checked_add(2_000 * YEAR).expect("in the range of std");
        assert!(Instant::from_std(far) > Instant::now() + 400 * YEAR);
    }

    /// Each instant lies between two readings of std's clock, except for the time of the readings.
    #[test]
    fn it_agrees_with_the_clock_of_std() {
        let before = std::time::Instant::now();
        let ours = [Instant::now(), crate::block_on(async { Instant::now() })];
        let after = std::time::Instant::now();
        for ours in ours.map(Instant::into_std) {
            assert!(ours <= after);
            assert!(before.saturating_duration_since(ours) < Duration::from_secs(1));
        }
    }

    #[test]
    fn all_threads_and_runtimes_have_one_order() {
        let mut last = Instant::now();
        for _ in 0..50 {
            let read = || crate::block_on(async { Instant::now() });
            let there = std::thread::scope(|scope| scope.spawn(read).join());
            let there = there.expect("it does not panic");
            let here = crate::block_on(async { Instant::now() });
            assert!(last <= there && there <= here && here <= Instant::now());
            last = here;
        }
    }

    #[test]
    fn sums_out_of_range_are_the_first_or_the_last_instant() {
        let now = Instant::now();
        assert_eq!(now + YEAR - YEAR, now);
        assert_eq!((now + YEAR).duration_since(now), YEAR);
        assert_eq!(now.checked_duration_since(now + YEAR), None);
        for far in [600 * YEAR, Duration::MAX] {
            assert_eq!(now.checked_add(far), None);
            assert_eq!(now.checked_sub(far), None);
            assert!(now + far > now + 400 * YEAR);
            assert!(now - far < now - 70 * YEAR);
        }
        let sleep = crate::block_on(async { crate::time::sleep(Duration::MAX).deadline() });
        assert!(sleep > now + 400 * YEAR);
    }
}

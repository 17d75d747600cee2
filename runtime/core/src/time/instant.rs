//! A point in time, by the clock of the loop.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use super::clock;
use crate::reactor::current;

/// A point in time. It differs from std's in this: [`now`](Self::now) follows the clock of the
/// runtime, which a test can [`pause`](super::pause).
/// And it reaches less far, 73 years back and some 500 ahead; sums beyond that are as far as it reaches.
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
    // As clocks count: what most instants are for is a sleep.
    nanos: u64,
}

impl Instant {
    /// Now, by the clock of this thread's runtime; outside a runtime, by the system's.
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

    /// About thirty years from now: never, for all that a program waits for.
    pub(crate) fn far_future() -> Instant {
        Self::now() + Duration::from_secs(86_400 * 365 * 30)
    }

    /// `duration` from now, or far in the future if that can't be said.
    pub(crate) fn after(duration: Duration) -> Instant {
        Self::now()
            .checked_add(duration)
            .unwrap_or_else(Instant::far_future)
    }

    /// From std's. One that lies centuries from now becomes the nearest that can be said.
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant::from_nanos(clock::of_std(std))
    }

    /// As std's.
    pub fn into_std(self) -> std::time::Instant {
        clock::to_std(self.nanos)
    }

    /// Time since `earlier`, or zero if that is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }

    /// Time since `earlier`, or `None` if that is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        let nanos = self.nanos.checked_sub(earlier.nanos)?;
        Some(Duration::from_nanos(nanos))
    }

    /// Time since `earlier`, or zero if that is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }

    /// Time since this point, or zero if it lies ahead.
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// This point moved forward, or `None` if that can't be said: more than some 500 years from now.
    #[inline]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        let nanos = self.nanos.checked_add(clock::checked_nanos(duration)?)?;
        Some(Instant { nanos })
    }

    /// This point moved back, or `None` if that can't be said: more than 73 years before the machine
    /// was started.
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

    /// Where [`checked_add`](Instant::checked_add) gives `None`, the last instant that can be said.
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

    /// Where [`checked_sub`](Instant::checked_sub) gives `None`, the first instant that can be said.
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
    fn a_point_of_std_comes_back_as_it_was() {
        let now = std::time::Instant::now();
        let around = [Duration::ZERO, Duration::from_nanos(1), YEAR, 70 * YEAR];
        for std in around.map(|by| [now + by, now - by]).concat() {
            assert_eq!(Instant::from_std(std).into_std(), std);
        }
        // That one can't be said.
        let far = now.checked_add(2_000 * YEAR).expect("std can say it");
        assert!(Instant::from_std(far) > Instant::now() + 400 * YEAR);
    }

    /// It is between two readings of std's clock, but for what it takes to read both.
    #[test]
    fn it_goes_with_the_clock_of_std() {
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
    fn what_lies_too_far_away_is_as_far_as_can_be_said() {
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

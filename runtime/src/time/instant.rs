//! A point in time, by the clock of the loop.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use super::clock;

/// A point in time. It differs from std's in one way: [`now`](Self::now) follows the clock of the
/// runtime, which a test can [`pause`](super::pause).
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
pub struct Instant(std::time::Instant);

impl Instant {
    /// Now, by the clock of this thread's runtime; outside a runtime, by the system's.
    pub fn now() -> Instant {
        super::clock_now().unwrap_or_else(|| Instant(clock::system_now()))
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

    /// From std's.
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant(std)
    }

    /// As std's.
    pub fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// Time since `earlier`, or zero if that is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Time since `earlier`, or `None` if that is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// Time since `earlier`, or zero if that is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Time since this point, or zero if it lies ahead.
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// This point moved forward, or `None` if the system can't say it.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    /// This point moved back, or `None` if the system can't say it.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.0
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        self.0 += duration;
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

    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        self.0 -= duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

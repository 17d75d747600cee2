//! Points in time, as openraft's trait asks for them.

use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use wakeful_core::time;

/// A point in time by the clock of the runtime, [`wakeful_core::time::Instant`]. It is a type of
/// its own because it implements openraft's trait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(time::Instant);

impl Instant {
    /// Returns the point that lies `duration` ahead, or the last one that can be represented.
    pub(crate) fn after(duration: Duration) -> Instant {
        Instant(time::Instant::now() + duration)
    }
}

impl openraft_rt::Instant for Instant {
    fn now() -> Instant {
        Instant(time::Instant::now())
    }
}

impl From<time::Instant> for Instant {
    fn from(instant: time::Instant) -> Instant {
        Instant(instant)
    }
}

impl From<Instant> for time::Instant {
    fn from(instant: Instant) -> time::Instant {
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
        self.0 - earlier.0
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

//! The clock of a host, which may be fast or slow.

/// Parts of a million.
const MILLION: i128 = 1_000_000;

/// Clock of a host: where it stood at some moment, and how fast it runs since. Times are in
/// nanoseconds since the beginning.
#[derive(Debug)]
pub(crate) struct HostClock {
    since: u64,
    shown: u64,
    /// In parts of a million: 1,000,000 plus the drift.
    speed: i128,
}

impl HostClock {
    pub(crate) fn new() -> HostClock {
        HostClock {
            since: 0,
            shown: 0,
            speed: MILLION,
        }
    }

    /// Returns what the clock shows.
    pub(crate) fn at(&self, now: u64) -> u64 {
        let passed = i128::from(now - self.since) * self.speed / MILLION;
        self.shown.saturating_add(passed as u64)
    }

    /// Returns the earliest time at which the clock shows `shown`.
    pub(crate) fn when(&self, shown: u64) -> u64 {
        let to_pass = i128::from(shown.saturating_sub(self.shown)) * MILLION;
        // Rounded up, so that the timer is due then.
        let passed = (to_pass + self.speed - 1) / self.speed;
        self.since
            .saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// Sets how much faster than real it runs, in parts of a million.
    pub(crate) fn set_drift(&mut self, now: u64, drift: i32) {
        self.shown = self.at(now);
        self.since = now;
        self.speed = MILLION + i128::from(drift);
    }

    /// Moves it forward.
    pub(crate) fn jump(&mut self, now: u64, by: u64) {
        self.shown = self.at(now).saturating_add(by);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_due_when_the_clock_shows_its_deadline_and_not_before() {
        for drift in [0, 1, -1, 333, -777_777, 5_000_000] {
            let mut clock = HostClock::new();
            clock.jump(5, 100);
            clock.set_drift(17, drift);
            for shown in [112, 113, 1_000, 123_456_789] {
                let when = clock.when(shown);
                assert!(clock.at(when) >= shown, "{drift} {shown}");
                assert!(when == 17 || clock.at(when - 1) < shown, "{drift} {shown}");
            }
        }
    }
}

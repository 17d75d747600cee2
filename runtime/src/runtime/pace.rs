//! How long the tasks may run before the loop looks at the clock and at the reactor.
//!
//! A look costs about as much as a short poll (a clock read) or as several (a wait that does not
//! wait). So the loop runs tasks in batches and looks after each, and a batch is as large as fits
//! into [`SLICE`]: many short polls or few long ones. A task that always wakes itself can hold the
//! reactor and the timers off for one batch, never for longer.

use std::time::Duration;

/// How long a batch should take, and how often the reactor is looked at while tasks are ready.
const SLICE: Duration = Duration::from_micros(100);

const LARGEST: u32 = 256;

pub(super) struct Pace {
    batch: u32,
    left: u32,
    batch_began: Duration,
    looked: Duration,
}

impl Pace {
    pub(super) fn new(now: Duration) -> Pace {
        Pace {
            batch: 32,
            left: 32,
            batch_began: now,
            looked: now,
        }
    }

    /// Polls left in this batch, to be counted down.
    pub(super) fn left(&mut self) -> &mut u32 {
        &mut self.left
    }

    /// The loop came round without a sleep and perhaps without a poll.
    pub(super) fn missed_a_sleep(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.left == 0
    }

    /// A batch has ended at `now`: begins the next. `true`: it is time to look at the reactor.
    pub(super) fn next_batch(&mut self, now: Duration) -> bool {
        let took = now.saturating_sub(self.batch_began);
        if took > SLICE {
            self.batch = (self.batch / 2).max(1);
        } else if took < SLICE / 4 {
            self.batch = (self.batch * 2).min(LARGEST);
        }
        self.left = self.batch;
        self.batch_began = now;
        now.saturating_sub(self.looked) >= SLICE
    }

    /// The reactor has had its turn, which ended at `now`.
    pub(super) fn looked(&mut self, now: Duration) {
        self.looked = now;
        self.batch_began = now;
        self.left = self.batch;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn batches_follow_the_length_of_the_polls() {
        let mut pace = Pace::new(Duration::ZERO);
        let mut now = Duration::ZERO;
        for _ in 0..20 {
            now += Duration::from_nanos(5) * *pace.left();
            pace.next_batch(now);
        }
        assert_eq!(*pace.left(), LARGEST);
        for _ in 0..20 {
            now += Duration::from_millis(1) * *pace.left();
            assert!(pace.next_batch(now));
            pace.looked(now);
        }
        assert_eq!(*pace.left(), 1);
    }

    #[test]
    fn the_reactor_is_looked_at_once_a_slice() {
        let mut pace = Pace::new(Duration::ZERO);
        assert!(!pace.next_batch(SLICE / 2));
        assert!(pace.next_batch(SLICE));
        pace.looked(SLICE);
        assert!(!pace.next_batch(SLICE + SLICE / 2));
    }
}

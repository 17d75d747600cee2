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

/// Other threads are heard after so many polls.
const PORTION: u32 = 64;

/// Polls that should come between two looks at the reactor: those of requests take some µs each,
/// and a look for every few of them would be a syscall more for each.
const FEW: u32 = 64;

/// Long polls do not keep the reactor off for longer than this, and one of them.
const LONG: Duration = Duration::from_micros(500);

pub(super) struct Pace {
    /// Polls of every batch, if the user has said so; 0: by the clock.
    fixed: u32,
    batch: u32,
    left: u32,
    batch_began: Duration,
    looked: Duration,
    /// Since then.
    polls: u32,
}

impl Pace {
    pub(super) fn new(now: Duration, fixed: u32) -> Pace {
        let batch = if fixed == 0 { 32 } else { fixed };
        Pace {
            fixed,
            batch,
            left: batch,
            batch_began: now,
            looked: now,
            polls: 0,
        }
    }

    /// Polls left in this batch.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn left(&mut self) -> &mut u32 {
        &mut self.left
    }

    /// Hands out a part of the batch, to be counted down: between two of them the loop hears other
    /// threads.
    #[inline]
    pub(super) fn portion<R>(&mut self, run: impl FnOnce(&mut u32) -> R) -> R {
        let given = self.left.min(PORTION);
        let mut left = given;
        let result = run(&mut left);
        self.left -= given - left;
        result
    }

    /// The batch ends here.
    pub(super) fn use_up(&mut self) {
        self.left = 0;
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
        if self.fixed != 0 {
            self.left = self.fixed;
            return true;
        }
        let took = now.saturating_sub(self.batch_began);
        self.polls = self.polls.saturating_add(self.batch);
        if took > SLICE {
            self.batch = (self.batch / 2).max(1);
        } else if took < SLICE / 4 {
            self.batch = (self.batch * 2).min(LARGEST);
        }
        self.left = self.batch;
        self.batch_began = now;
        let since = now.saturating_sub(self.looked);
        since >= SLICE && self.polls >= FEW || since >= LONG
    }

    /// The reactor has had its turn, which ended at `now`.
    pub(super) fn looked(&mut self, now: Duration) {
        self.looked = now;
        self.polls = 0;
        self.batch_began = now;
        self.left = self.batch;
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn batches_follow_the_length_of_the_polls() {
        let mut pace = Pace::new(Duration::ZERO, 0);
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
        let mut pace = Pace::new(Duration::ZERO, 0);
        // Two batches of 32 polls.
        assert!(!pace.next_batch(SLICE / 2));
        assert!(pace.next_batch(SLICE));
        pace.looked(SLICE);
        assert!(!pace.next_batch(SLICE + SLICE / 2));
    }

    #[test]
    fn a_few_polls_are_not_worth_a_look_unless_they_are_long() {
        let mut pace = Pace::new(Duration::ZERO, 0);
        let mut now = Duration::ZERO;
        // Polls of 10 µs: not after 100 µs, but after 64 of them or 500 µs.
        while !pace.next_batch(now) {
            now += Duration::from_micros(10) * *pace.left();
        }
        assert!((LONG..2 * LONG).contains(&now), "{now:?}");
        pace.looked(now);
        // One long poll is enough.
        assert!(pace.next_batch(now + LONG));
    }

    #[test]
    fn a_fixed_interval_does_not_ask_the_clock() {
        let mut pace = Pace::new(Duration::ZERO, 7);
        for _ in 0..3 {
            assert_eq!(*pace.left(), 7);
            *pace.left() = 0;
            assert!(pace.next_batch(Duration::ZERO));
        }
        pace.looked(LONG);
        assert_eq!(*pace.left(), 7);
    }

    #[test]
    fn a_batch_is_run_in_portions() {
        let mut pace = Pace::new(Duration::ZERO, 0);
        *pace.left() = PORTION + 1;
        let mut sizes = Vec::new();
        while !pace.is_used_up() {
            pace.portion(|polls| {
                sizes.push(*polls);
                *polls = 0;
            });
        }
        assert_eq!(sizes, [PORTION, 1]);
        // What is not used stays.
        *pace.left() = PORTION;
        pace.portion(|polls| *polls -= 1);
        assert_eq!(*pace.left(), PORTION - 1);
    }
}

//! When the loop hears other threads, and when it looks at the clock and at the reactor.
//!
//! A look costs about as much as a short poll (a clock read) or as several (a wait that does not
//! wait). So the loop runs tasks in batches and looks after each. A batch ends at the first poll
//! boundary after 100 µs at which there is a time stamp, see `executor/batch.rs`: that is each one
//! after long polls. So tasks that are always ready can hold the reactor and the timers off for a
//! slice and one poll; the first long ones after thousands of short ones, for a slice and 16 polls.
//!
//! With a fixed number of polls for a batch no time is asked for.

use std::time::Duration;

use crate::executor::{Batch, Tick};
use crate::time::stamp;

/// How long a batch lasts, and so how often the loop looks while tasks are ready.
const SLICE: Duration = Duration::from_micros(100);

/// Other threads are heard after so many polls.
const PORTION: u32 = 64;

pub(super) struct Pace {
    batch: Batch,
    /// Polls of every batch, if the user has said so; 0: by the clock.
    fixed: u32,
    /// Polls that are left of such a batch.
    left: u32,
    is_used_up: bool,
}

impl Pace {
    pub(super) fn new(fixed: u32) -> Pace {
        let (batch, left) = match fixed {
            0 => (Batch::timed(stamp::now(), slice()), u32::MAX),
            polls => (Batch::counted(), polls),
        };
        Pace {
            batch,
            fixed,
            left,
            is_used_up: false,
        }
    }

    /// As [`new`](Self::new), for a step that began with a look and ends before the next one.
    pub(super) fn of_a_step(fixed: u32) -> Pace {
        let mut pace = Pace::new(fixed);
        pace.batch.ignore_yields();
        pace
    }

    /// Runs a part of the batch: between two of them the loop hears other threads.
    #[inline]
    pub(super) fn portion(&mut self, run: impl FnOnce(&mut Batch) -> Tick) -> Tick {
        let given = self.left.min(PORTION);
        self.batch.set_left(given);
        let tick = run(&mut self.batch);
        if self.fixed != 0 {
            self.left -= given - self.batch.left();
        }
        self.is_used_up = self.left == 0 || tick == Tick::TurnDue;
        tick
    }

    /// The loop came round without a sleep and perhaps without a poll.
    pub(super) fn missed_a_sleep(&mut self) {
        if self.fixed == 0 {
            self.is_used_up |= self.batch.passes(stamp::now());
        } else {
            self.left = self.left.saturating_sub(1);
            self.is_used_up |= self.left == 0;
        }
    }

    /// The batch is over: it is time for a look.
    pub(super) fn is_used_up(&self) -> bool {
        self.is_used_up
    }

    /// The loop has looked, and the next batch begins. `found`: the look has woken a task, or the
    /// loop slept.
    pub(super) fn looked(&mut self, found: bool) {
        self.is_used_up = false;
        if self.fixed != 0 {
            self.left = self.fixed;
        } else {
            self.batch.turn_ended(stamp::now(), slice(), found);
        }
    }
}

fn slice() -> u64 {
    stamp::stamps_in(SLICE)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::executor::STRIDE;

    /// In nanoseconds.
    const SLICE: u64 = 100_000;
    const STAMP: u64 = 10;

    /// A loop of tasks that are always ready, in a time of its own.
    struct Loop {
        batch: Batch,
        now: u64,
        looked: u64,
        /// Those since the last stamp.
        stretch: Vec<u64>,
        looks: Vec<Look>,
    }

    struct Look {
        /// How long a source that was ready right after the look before has waited.
        waited: u64,
        /// The polls after the last stamp.
        stretch: Vec<u64>,
    }

    impl Loop {
        fn new() -> Loop {
            Loop {
                batch: Batch::timed(0, SLICE),
                now: 0,
                looked: 0,
                stretch: Vec::new(),
                looks: Vec::new(),
            }
        }

        /// One poll of a task that yields or not; `found`: a look right after it would wake a task.
        fn poll(&mut self, length: u64, yields: bool, found: bool) {
            if self.batch.left() == 0 {
                self.batch.set_left(PORTION);
            }
            assert!(self.batch.stretch() > 0, "a poll is always allowed");
            self.now += length;
            self.stretch.push(length);
            // As if each poll were asked about: stretches only leave the questions out.
            let all_but = self.batch.stretch() - 1;
            self.batch.ran(all_but);
            let mut stamped = false;
            let stamp = || {
                stamped = true;
                self.now + STAMP
            };
            let is_over = self.batch.is_over(stamp, || yields);
            if stamped {
                self.now += STAMP;
            }
            if is_over {
                self.looks.push(Look {
                    waited: self.now - self.looked,
                    stretch: std::mem::take(&mut self.stretch),
                });
                self.looked = self.now;
                self.batch.turn_ended(self.now, SLICE, found);
            } else if stamped {
                self.stretch.clear();
            }
        }

        fn polls(&mut self, many: usize, length: u64) {
            for _ in 0..many {
                self.poll(length, false, false);
            }
        }
    }

    /// Polls of some nanoseconds, of some microseconds, and of milliseconds, in runs.
    fn scripts(shortest: u64) -> impl Strategy<Value = Vec<(usize, u64)>> {
        let length = prop_oneof![
            shortest..shortest + 100,
            shortest.max(500)..50_000,
            50_000_u64..3_000_000
        ];
        prop::collection::vec((1_usize..400, length), 1..12)
    }

    proptest! {
        #[test]
        fn nothing_waits_for_longer_than_a_slice_and_the_polls_after_the_last_stamp(
            script in scripts(3),
            yields: bool,
            found: bool,
        ) {
            let mut lo = Loop::new();
            for (many, length) in script {
                (0..many).for_each(|_| lo.poll(length, yields, found));
            }
            for look in &lo.looks {
                let stretch: u64 = look.stretch.iter().sum();
                prop_assert!(look.stretch.len() <= STRIDE as usize);
                prop_assert!(look.waited <= SLICE + stretch + STAMP, "{}", look.waited);
            }
        }

        #[test]
        fn where_no_poll_is_very_short_nothing_waits_for_longer_than_a_slice_and_one_poll(
            script in scripts(SLICE / 128),
            yields: bool,
            found: bool,
        ) {
            let mut lo = Loop::new();
            for (many, length) in script {
                (0..many).for_each(|_| lo.poll(length, yields, found));
            }
            for look in &lo.looks {
                prop_assert_eq!(look.stretch.len(), 1);
                prop_assert!(look.waited <= SLICE + look.stretch[0] + STAMP);
            }
        }

        #[test]
        fn after_a_long_poll_short_ones_hide_no_other(
            long in SLICE / 2..3_000_000,
            short in 3_u64..200,
            part in 0_u64..100,
        ) {
            let mut lo = Loop::new();
            lo.polls(20_000, short);
            lo.polls(STRIDE as usize, long);
            lo.looks.clear();
            // As many stamps as cost 5 % of the long poll.
            let many = long / (SLICE / 512) * part / 100;
            for _ in 0..20 {
                lo.polls(many as usize, short);
                lo.poll(long, false, false);
            }
            for look in &lo.looks {
                prop_assert_eq!(look.stretch.len(), 1);
            }
        }
    }

    #[test]
    fn after_many_short_polls_the_first_long_ones_end_the_batch_soon() {
        let mut lo = Loop::new();
        lo.polls(20_000, 6);
        lo.looks.clear();
        lo.polls(100, 500_000);
        let waits: Vec<u64> = lo.looks.iter().map(|look| look.waited).collect();
        let (first, others) = waits.split_first().unwrap();
        assert!(*first <= SLICE + u64::from(STRIDE) * 500_000, "{first}");
        assert!(
            others.iter().all(|&wait| wait == 500_000 + STAMP),
            "{others:?}"
        );
    }

    #[test]
    fn short_polls_take_few_stamps_and_a_look_each_slice() {
        let mut lo = Loop::new();
        lo.polls(200_000, 6);
        let stamps = (lo.now - 200_000 * 6) / STAMP;
        assert!(stamps < 200_000 / u64::from(STRIDE) + 100, "{stamps}");
        let slices = lo.now / SLICE;
        assert!((slices - 1..=slices).contains(&(lo.looks.len() as u64)));
    }

    #[test]
    fn the_first_yield_is_followed_by_a_look_and_a_loop_of_them_by_few() {
        let mut lo = Loop::new();
        lo.poll(6, true, false);
        assert_eq!(lo.looks.len(), 1);
        for _ in 0..15_000 {
            lo.poll(6, true, false);
        }
        // 1.6, 3.1, 6.3, 12.5, 25, 50 µs, and then one in a slice.
        let slices = lo.now / SLICE;
        assert!(lo.looks.len() as u64 <= 8 + slices, "{}", lo.looks.len());
        // What is found makes the next yield worth a look again.
        while lo.looks.len() as u64 <= 8 + slices {
            lo.poll(6, true, true);
        }
        let before = lo.looks.len();
        lo.poll(6, true, true);
        assert_eq!(lo.looks.len(), before + 1);
    }

    #[test]
    fn a_fixed_number_of_polls_asks_for_no_time() {
        let mut pace = Pace::new(70);
        for _ in 0..3 {
            let mut sizes = Vec::new();
            while !pace.is_used_up() {
                pace.portion(|batch| {
                    sizes.push(batch.stretch());
                    batch.ran(0);
                    assert!(!batch.is_over(|| panic!("a stamp"), || true));
                    Tick::Busy
                });
            }
            assert_eq!(sizes, [PORTION, 70 - PORTION]);
            pace.looked(false);
        }
        // What is not used stays.
        pace.portion(|batch| {
            batch.stretch();
            batch.ran(PORTION - 1);
            Tick::Busy
        });
        pace.portion(|batch| {
            assert_eq!(batch.stretch(), PORTION);
            batch.ran(PORTION);
            Tick::Busy
        });
        assert!(!pace.is_used_up());
    }
}

//! When the loop receives remote messages, and when it reads the clock and turns the reactor.
//!
//! Reading the clock costs about as much as a short poll, and a non-blocking reactor turn as much
//! as several. So the loop runs tasks in batches and takes a turn after each. A batch ends at the
//! first poll boundary with a time stamp after 100 µs (`executor/batch.rs`). A stamp takes about 10
//! ns, more than a yield: so there is a stamp after each poll where polls are long, and one for 8
//! polls where they are short. Tasks that are always ready can therefore delay the reactor and the
//! timers by 100 µs and one poll, or, when polls become long after thousands of short ones, once by
//! 100 µs and 8 polls.
//!
//! A batch ends earlier after a task that has woken itself in its poll, as `yield_now` does, if
//! enough time has passed since the last turn. That time is zero after a sleep and after a turn
//! that woke a task, or before which a task has tried a descriptor that was not ready: such a task
//! may yield until it is. The time doubles with each other turn, up to 100 µs.
//!
//! With a fixed number of polls for each batch, no clock is read for this.

use std::time::Duration;

use crate::executor::{Batch, Tick, Turn};
use crate::time::stamp;

/// Length of a batch, and so the interval of reactor turns while tasks are ready.
const SLICE: Duration = Duration::from_micros(100);

/// Polls between two checks for remote messages.
pub(super) const CHUNK: u32 = 64;

/// Limit of the batch that the loop runs before the next reactor turn.
pub(super) struct BatchLimit {
    batch: Batch,
    /// Number of polls of every batch, set by the user. 0: batches end by time.
    fixed: u32,
    /// Remaining polls of a batch with a fixed number.
    left: u32,
    is_reached: bool,
}

impl BatchLimit {
    /// Begins a batch of `fixed` polls, or one that ends by time if `fixed` is 0.
    pub(super) fn new(fixed: u32) -> BatchLimit {
        let (batch, left) = match fixed {
            0 => (Batch::timed(stamp::now(), slice()), u32::MAX),
            polls => (Batch::counted(), polls),
        };
        BatchLimit {
            batch,
            fixed,
            left,
            is_reached: false,
        }
    }

    /// As [`new`](Self::new), for one turn of the loop for another event loop: it began with a
    /// reactor turn, so a yield does not end its batch early.
    pub(super) fn for_one_turn(fixed: u32) -> BatchLimit {
        let mut batch_limit = BatchLimit::new(fixed);
        batch_limit.batch.ignore_yields();
        batch_limit
    }

    /// Runs a chunk of the batch. Between two chunks the loop receives remote messages.
    #[inline]
    pub(super) fn run_chunk(&mut self, run: impl FnOnce(&mut Batch) -> Tick) -> Tick {
        self.run_polls(CHUNK, run)
    }

    /// Runs at most `polls` polls of the batch.
    #[inline]
    pub(super) fn run_polls(&mut self, polls: u32, run: impl FnOnce(&mut Batch) -> Tick) -> Tick {
        let given = self.left.min(polls);
        self.batch.set_left(given);
        let tick = run(&mut self.batch);
        if self.fixed != 0 {
            self.left -= given - self.batch.left();
        }
        self.is_reached = self.left == 0 || tick == Tick::TurnDue;
        tick
    }

    /// Counts a round of the loop without a sleep and perhaps without a poll.
    pub(super) fn count_idle_round(&mut self) {
        if self.fixed == 0 {
            self.is_reached |= self.batch.passes(stamp::now());
        } else {
            self.left = self.left.saturating_sub(1);
            self.is_reached |= self.left == 0;
        }
    }

    /// Whether the batch is over, so that a reactor turn is due.
    pub(super) fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// Begins the next batch, after a reactor turn or a sleep, which counts as
    /// [`Found`](Turn::Found).
    pub(super) fn start_next(&mut self, turn: Turn) {
        self.is_reached = false;
        if self.fixed != 0 {
            self.left = self.fixed;
        } else {
            self.batch.turn_ended(stamp::now(), slice(), turn);
        }
    }
}

/// Returns `SLICE` in the unit of the time stamps.
fn slice() -> u64 {
    stamp::stamps_in(SLICE)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::executor::STRIDE;

    // Both in nanoseconds.
    const SLICE: u64 = 100_000;
    const STAMP: u64 = 10;

    /// A simulated loop of tasks that are always ready.
    struct Loop {
        batch: Batch,
        now: u64,
        /// End of the last reactor turn.
        turned: u64,
        /// Lengths of the polls since the last stamp.
        stretch: Vec<u64>,
        turns: Vec<Taken>,
    }

    /// A reactor turn.
    struct Taken {
        /// How long a source has waited that became ready right after the turn before.
        waited: u64,
        /// The polls after the last stamp.
        stretch: Vec<u64>,
    }

    impl Loop {
        fn new() -> Loop {
            Loop {
                batch: Batch::timed(0, SLICE),
                now: 0,
                turned: 0,
                stretch: Vec::new(),
                turns: Vec::new(),
            }
        }

        /// Polls a task once, which may yield. `found`: a turn right after it would wake a task.
        fn poll(&mut self, length: u64, yields: bool, found: bool) {
            if self.batch.left() == 0 {
                self.batch.set_left(CHUNK);
            }
            assert!(self.batch.stretch() > 0, "a poll is always allowed");
            self.now += length;
            self.stretch.push(length);
            // As if `is_over` were called after each poll: stretches only leave calls out.
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
                self.turns.push(Taken {
                    waited: self.now - self.turned,
                    stretch: std::mem::take(&mut self.stretch),
                });
                self.turned = self.now;
                self.batch
                    .turn_ended(self.now, SLICE, Turn::new(found, false));
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

    /// Runs of polls that take nanoseconds, microseconds, or milliseconds.
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
            for turn in &lo.turns {
                let stretch: u64 = turn.stretch.iter().sum();
                prop_assert!(turn.stretch.len() <= STRIDE as usize);
                prop_assert!(turn.waited <= SLICE + stretch + STAMP, "{}", turn.waited);
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
            for turn in &lo.turns {
                prop_assert_eq!(turn.stretch.len(), 1);
                prop_assert!(turn.waited <= SLICE + turn.stretch[0] + STAMP);
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
            lo.turns.clear();
            // The number of stamps that cost 5 % of the long poll.
            let many = long / (SLICE / 512) * part / 100;
            for _ in 0..20 {
                lo.polls(many as usize, short);
                lo.poll(long, false, false);
            }
            for turn in &lo.turns {
                prop_assert_eq!(turn.stretch.len(), 1);
            }
        }
    }

    #[test]
    fn after_many_short_polls_the_first_long_ones_end_the_batch_soon() {
        let mut lo = Loop::new();
        lo.polls(20_000, 6);
        lo.turns.clear();
        lo.polls(100, 500_000);
        let waits: Vec<u64> = lo.turns.iter().map(|turn| turn.waited).collect();
        let (first, others) = waits.split_first().unwrap();
        assert!(*first <= SLICE + u64::from(STRIDE) * 500_000, "{first}");
        assert!(
            others.iter().all(|&wait| wait == 500_000 + STAMP),
            "{others:?}"
        );
    }

    #[test]
    fn short_polls_take_few_stamps_and_a_turn_each_slice() {
        let mut lo = Loop::new();
        lo.polls(200_000, 6);
        let stamps = (lo.now - 200_000 * 6) / STAMP;
        assert!(stamps < 200_000 / u64::from(STRIDE) + 100, "{stamps}");
        let slices = lo.now / SLICE;
        assert!((slices - 1..=slices).contains(&(lo.turns.len() as u64)));
    }

    #[test]
    fn the_first_yield_leads_to_a_turn_and_a_loop_of_yields_to_few() {
        let mut lo = Loop::new();
        lo.poll(6, true, false);
        assert_eq!(lo.turns.len(), 1);
        for _ in 0..15_000 {
            lo.poll(6, true, false);
        }
        // Turns after 1.6, 3.1, 6.3, 12.5, 25, 50 µs, and then one in each slice.
        let slices = lo.now / SLICE;
        assert!(lo.turns.len() as u64 <= 8 + slices, "{}", lo.turns.len());
        // After a turn that woke a task, the next yield leads to a turn again.
        while lo.turns.len() as u64 <= 8 + slices {
            lo.poll(6, true, true);
        }
        let before = lo.turns.len();
        lo.poll(6, true, true);
        assert_eq!(lo.turns.len(), before + 1);
    }

    #[test]
    fn after_a_try_of_a_descriptor_a_turn_follows_within_a_stride_of_yields() {
        let mut lo = Loop::new();
        // A loop of yields, in which turns have become rare.
        (0..15_000).for_each(|_| lo.poll(6, true, false));
        lo.batch.turn_ended(lo.now, SLICE, Turn::Asked);
        let before = lo.turns.len();
        (0..STRIDE).for_each(|_| lo.poll(6, true, false));
        assert_eq!(lo.turns.len(), before + 1);
        // It costs no more than one turn in a stride.
        lo.batch.turn_ended(lo.now, SLICE, Turn::Asked);
        (1..STRIDE).for_each(|_| lo.poll(6, true, false));
        assert_eq!(lo.turns.len(), before + 1);
    }

    #[test]
    fn a_fixed_number_of_polls_reads_no_clock() {
        let mut batch_limit = BatchLimit::new(70);
        for _ in 0..3 {
            let mut sizes = Vec::new();
            while !batch_limit.is_reached() {
                batch_limit.run_chunk(|batch| {
                    sizes.push(batch.stretch());
                    batch.ran(0);
                    assert!(!batch.is_over(|| panic!("a stamp"), || true));
                    Tick::Busy
                });
            }
            assert_eq!(sizes, [CHUNK, 70 - CHUNK]);
            batch_limit.start_next(Turn::Missed);
        }
        // Polls that a chunk leaves unused remain.
        batch_limit.run_chunk(|batch| {
            batch.stretch();
            batch.ran(CHUNK - 1);
            Tick::Busy
        });
        batch_limit.run_chunk(|batch| {
            assert_eq!(batch.stretch(), CHUNK);
            batch.ran(CHUNK);
            Tick::Busy
        });
        assert!(!batch_limit.is_reached());
    }
}

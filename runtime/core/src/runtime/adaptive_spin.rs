//! How long the loop spins for work before it sleeps.
//!
//! Waking a sleeping thread takes longer than another thread needs for a short reply. So where a
//! reply is likely, the loop spins for it before it sleeps. A spin without a message is a miss: it
//! only costs CPU time, so after n consecutive misses the next 2^n - 1 sleeps do not spin (n <= 6).

use std::cell::Cell;
use std::time::Duration;

/// Largest n: further consecutive misses do not count.
const MAX_MISSES: u32 = 6;

/// Length of the spin before each sleep of a loop.
pub(crate) struct AdaptiveSpin {
    /// Length before every sleep, set by the user.
    base: Duration,
    /// Length before a sleep in which a reply of another thread is likely.
    reply: Duration,
    reply_expected: Cell<bool>,
    /// Consecutive spins without a message, at most `MAX_MISSES`.
    misses: Cell<u32>,
    /// Number of the next sleeps that do not spin for a reply.
    skip: Cell<u32>,
}

impl AdaptiveSpin {
    pub(super) fn new(base: Duration, reply: Duration) -> AdaptiveSpin {
        AdaptiveSpin {
            base,
            reply,
            reply_expected: Cell::new(false),
            misses: Cell::new(0),
            skip: Cell::new(0),
        }
    }

    /// Announces that another thread is likely to reply soon to a message that was just sent.
    pub(crate) fn expect_reply(&self) {
        self.reply_expected.set(true);
    }

    /// Returns how long to spin before the sleep that is about to begin.
    pub(super) fn next_length(&self) -> Duration {
        if !self.reply_expected.replace(false) || self.reply <= self.base {
            return self.base;
        }
        if let Some(skip) = self.skip.get().checked_sub(1) {
            self.skip.set(skip);
            return self.base;
        }
        self.reply
    }

    /// Records whether a spin of that length found a message of another thread. The message may
    /// have been a late wake and not the reply, so after a message a reply is still expected.
    pub(super) fn record(&self, length: Duration, message: bool) {
        if length <= self.base {
            return;
        }
        let misses = if message {
            0
        } else {
            MAX_MISSES.min(self.misses.get() + 1)
        };
        self.reply_expected.set(message);
        self.misses.set(misses);
        self.skip.set((1 << misses) - 1);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(5);
    const LONG: Duration = Duration::from_micros(50);

    #[test]
    fn the_reply_spin_is_used_once_for_each_expected_reply() {
        let adaptive_spin = AdaptiveSpin::new(SHORT, LONG);
        assert_eq!(adaptive_spin.next_length(), SHORT);
        adaptive_spin.expect_reply();
        assert_eq!(adaptive_spin.next_length(), LONG);
        // One expected reply is for one sleep.
        assert_eq!(adaptive_spin.next_length(), SHORT);
    }

    #[test]
    fn the_longer_of_both_spins_is_used() {
        let adaptive_spin = AdaptiveSpin::new(LONG, SHORT);
        adaptive_spin.expect_reply();
        assert_eq!(adaptive_spin.next_length(), LONG);
        adaptive_spin.record(LONG, false);
        adaptive_spin.expect_reply();
        assert_eq!(
            adaptive_spin.next_length(),
            LONG,
            "the base spin is never skipped"
        );
    }

    #[test]
    fn after_n_misses_2_to_the_n_minus_1_sleeps_do_not_spin() {
        let adaptive_spin = AdaptiveSpin::new(Duration::ZERO, LONG);
        // Returns how many sleeps do not spin before one that does.
        let skipped_sleeps = || {
            let begin = || {
                adaptive_spin.expect_reply();
                adaptive_spin.next_length()
            };
            (0..).find(|_| begin() == LONG).unwrap()
        };
        assert_eq!(skipped_sleeps(), 0);
        for skipped in [1, 3, 7, 15, 31, 63, 63] {
            adaptive_spin.record(LONG, false);
            assert_eq!(skipped_sleeps(), skipped);
        }
        adaptive_spin.record(LONG, true);
        assert_eq!(
            adaptive_spin.next_length(),
            LONG,
            "there was a message, so there may be one more"
        );
        adaptive_spin.record(LONG, true);
        assert_eq!(skipped_sleeps(), 0);
        adaptive_spin.record(LONG, false);
        assert_eq!(skipped_sleeps(), 1);
    }
}

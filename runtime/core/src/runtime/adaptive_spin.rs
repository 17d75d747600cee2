//! How long the loop looks out for work before it sleeps.
//!
//! To be woken from a sleep takes longer than a thread that is awake needs to answer. So where an answer is
//! likely, the loop looks out for it first. A guess that is wrong costs processor time, so after one that was
//! in vain the next sleeps begin at once: one of them, after two in a row three, in the end 63.

use std::cell::Cell;
use std::time::Duration;

/// Wrong guesses in a row that count.
const MAX_MISSES: u32 = 6;

pub(crate) struct AdaptiveSpin {
    /// Before each sleep, as the user said.
    base: Duration,
    /// Where another thread is likely to say something.
    reply: Duration,
    reply_expected: Cell<bool>,
    misses: Cell<u32>,
    /// Sleeps that begin at once.
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

    /// Another thread has just been told something that it is likely to answer.
    pub(crate) fn expect_reply(&self) {
        self.reply_expected.set(true);
    }

    /// How long before the sleep that comes now.
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

    /// One of that length found a message of another thread, or nothing. A message may be a wake that came
    /// late, so another one is as likely as before.
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
    fn without_hope_it_is_what_the_user_said() {
        let adaptive_spin = AdaptiveSpin::new(SHORT, LONG);
        assert_eq!(adaptive_spin.next_length(), SHORT);
        adaptive_spin.expect_reply();
        assert_eq!(adaptive_spin.next_length(), LONG);
        // One hope is for one sleep.
        assert_eq!(adaptive_spin.next_length(), SHORT);
    }

    #[test]
    fn the_longer_one_counts() {
        let adaptive_spin = AdaptiveSpin::new(LONG, SHORT);
        adaptive_spin.expect_reply();
        assert_eq!(adaptive_spin.next_length(), LONG);
        adaptive_spin.record(LONG, false);
        adaptive_spin.expect_reply();
        assert_eq!(
            adaptive_spin.next_length(),
            LONG,
            "the user's is never left out"
        );
    }

    #[test]
    fn hope_wanes_while_it_is_misses() {
        let adaptive_spin = AdaptiveSpin::new(Duration::ZERO, LONG);
        // How many sleeps begin at once before the next look-out.
        let at_once = || {
            let begin = || {
                adaptive_spin.expect_reply();
                adaptive_spin.next_length()
            };
            (0..).find(|_| begin() == LONG).unwrap()
        };
        assert_eq!(at_once(), 0);
        for skipped in [1, 3, 7, 15, 31, 63, 63] {
            adaptive_spin.record(LONG, false);
            assert_eq!(at_once(), skipped);
        }
        adaptive_spin.record(LONG, true);
        assert_eq!(
            adaptive_spin.next_length(),
            LONG,
            "there was a message, so there may be one more"
        );
        adaptive_spin.record(LONG, true);
        assert_eq!(at_once(), 0);
        adaptive_spin.record(LONG, false);
        assert_eq!(at_once(), 1);
    }
}

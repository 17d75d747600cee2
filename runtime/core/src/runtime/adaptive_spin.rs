//! How long the loop looks out for work before it sleeps.
//!
//! To be woken from a sleep takes longer than a thread that is awake needs to answer. So where an answer is
//! likely, the loop looks out for it first. A guess that is wrong costs processor time, so after one that was
//! in vain the next sleeps begin at once: one of them, after two in a row three, in the end 63.

use std::cell::Cell;
use std::time::Duration;

/// Wrong guesses in a row that count.
const IN_VAIN: u32 = 6;

pub(crate) struct AdaptiveSpin {
    /// Before each sleep, as the user said.
    always: Duration,
    /// Where another thread is likely to say something.
    hopeful: Duration,
    hope: Cell<bool>,
    in_vain: Cell<u32>,
    /// Sleeps that begin at once.
    skip: Cell<u32>,
}

impl AdaptiveSpin {
    pub(super) fn new(always: Duration, hopeful: Duration) -> AdaptiveSpin {
        AdaptiveSpin {
            always,
            hopeful,
            hope: Cell::new(false),
            in_vain: Cell::new(0),
            skip: Cell::new(0),
        }
    }

    /// Another thread has just been told something that it is likely to answer.
    pub(crate) fn hope(&self) {
        self.hope.set(true);
    }

    /// How long before the sleep that comes now.
    pub(super) fn length(&self) -> Duration {
        if !self.hope.replace(false) || self.hopeful <= self.always {
            return self.always;
        }
        if let Some(skip) = self.skip.get().checked_sub(1) {
            self.skip.set(skip);
            return self.always;
        }
        self.hopeful
    }

    /// One of that length found a message of another thread, or nothing. A message may be a wake that came
    /// late, so another one is as likely as before.
    pub(super) fn ended(&self, length: Duration, message: bool) {
        if length <= self.always {
            return;
        }
        let in_vain = if message {
            0
        } else {
            IN_VAIN.min(self.in_vain.get() + 1)
        };
        self.hope.set(message);
        self.in_vain.set(in_vain);
        self.skip.set((1 << in_vain) - 1);
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
        assert_eq!(adaptive_spin.length(), SHORT);
        adaptive_spin.hope();
        assert_eq!(adaptive_spin.length(), LONG);
        // One hope is for one sleep.
        assert_eq!(adaptive_spin.length(), SHORT);
    }

    #[test]
    fn the_longer_one_counts() {
        let adaptive_spin = AdaptiveSpin::new(LONG, SHORT);
        adaptive_spin.hope();
        assert_eq!(adaptive_spin.length(), LONG);
        adaptive_spin.ended(LONG, false);
        adaptive_spin.hope();
        assert_eq!(adaptive_spin.length(), LONG, "the user's is never left out");
    }

    #[test]
    fn hope_wanes_while_it_is_in_vain() {
        let adaptive_spin = AdaptiveSpin::new(Duration::ZERO, LONG);
        // How many sleeps begin at once before the next look-out.
        let at_once = || {
            let begin = || {
                adaptive_spin.hope();
                adaptive_spin.length()
            };
            (0..).find(|_| begin() == LONG).unwrap()
        };
        assert_eq!(at_once(), 0);
        for skipped in [1, 3, 7, 15, 31, 63, 63] {
            adaptive_spin.ended(LONG, false);
            assert_eq!(at_once(), skipped);
        }
        adaptive_spin.ended(LONG, true);
        assert_eq!(
            adaptive_spin.length(),
            LONG,
            "there was a message, so there may be one more"
        );
        adaptive_spin.ended(LONG, true);
        assert_eq!(at_once(), 0);
        adaptive_spin.ended(LONG, false);
        assert_eq!(at_once(), 1);
    }
}

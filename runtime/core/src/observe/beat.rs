//! What a loop shows of itself to another thread: one word, stored once a poll.
//!
//! The word is the number of the poll and the slot of its task, so both are read in one piece. It
//! says nothing about time: the reader has a clock of its own, and a word that stands still for so
//! long is a poll that takes at least so long. (After 2^32 polls numbers come again. A reader would
//! have to miss exactly that many between two looks, at each look.)
//!
//! Who is in the slot is read from the [`Roster`], and then the word once more. If it is the same,
//! the poll was still going on while the roster was read, so the slot had not changed hands: a new
//! task enters a slot only after the word has changed, and the store of the later word comes before
//! the release in [`Roster::enter`], which the reader acquires.
//!
//! That the word has changed by then: a task leaves its slot as its memory is freed, which is the
//! last thing that may happen in its poll, and no code of a user's runs after it. Another task is
//! entered by such code alone: in a later poll, or outside of all polls, after [`Beat::idle`].

use crate::primitives::atomic::{AtomicBool, AtomicU64, Ordering};

use super::roster::{Roster, Who};
use super::{Histogram, Recorder};

/// Not a slot: no task is being polled.
const NOBODY: u32 = u32::MAX;

/// Shared by a loop and the watchdog.
pub(crate) struct Beat {
    word: AtomicU64,
    pub(crate) roster: Roster,
    over: AtomicBool,
    /// Stalls reported, written by the watchdog.
    stalls: AtomicU64,
    lengths: Recorder,
}

/// A poll that went on when the watchdog looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stuck(u64);

#[cfg(all(test, any(loom, shuttle)))]
impl Stuck {
    /// Of the poll.
    pub(crate) fn number(self) -> u64 {
        self.0 >> 32
    }
}

impl Beat {
    pub(crate) fn new() -> Beat {
        Beat {
            word: AtomicU64::new(u64::from(NOBODY)),
            roster: Roster::new(),
            over: AtomicBool::new(false),
            stalls: AtomicU64::new(0),
            lengths: Recorder::default(),
        }
    }

    /// A poll begins, on the owner thread. Release: it shows the entry of the task as well.
    #[inline]
    pub(crate) fn begin(&self, number: u32, slot: u32) {
        let word = u64::from(number) << 32 | u64::from(slot);
        self.word.store(word, Ordering::Release);
    }

    /// No poll goes on, on the owner thread.
    pub(crate) fn idle(&self) {
        self.word.store(u64::from(NOBODY), Ordering::Release);
    }

    /// The loop will not run again; wakers may keep this in memory for longer.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// The poll that goes on, if any.
    pub(crate) fn look(&self) -> Option<Stuck> {
        let word = self.word.load(Ordering::Acquire);
        (word as u32 != NOBODY).then_some(Stuck(word))
    }

    /// Whose poll that is; `None` if it has ended meanwhile.
    pub(crate) fn who(&self, stuck: Stuck) -> Option<Who> {
        let mut who = self.roster.look(stuck.0 as u32)?;
        // After the acquiring loads in `look`, so it is not older than they are.
        if self.word.load(Ordering::Relaxed) != stuck.0 {
            return None;
        }
        who.name = self.roster.name_of(who.id);
        Some(who)
    }

    /// A stall has been found. By the watchdog.
    pub(crate) fn count_stall(&self) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
    }

    /// A stall has ended, after so many nanoseconds. By the watchdog.
    pub(crate) fn stall_ended(&self, nanos: u64) {
        self.lengths.record(nanos);
    }

    pub(crate) fn stalls(&self) -> (u64, Histogram) {
        let count = self.stalls.load(Ordering::Relaxed);
        (count, self.lengths.snapshot())
    }
}

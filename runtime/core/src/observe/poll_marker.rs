//! The poll that a loop is in, as one word that another thread can read. The loop stores it at each
//! poll.
//!
//! The word has the number of the poll and the slot of its task, so a reader gets both at once. It
//! has no time: the reader measures with its own clock, and a word that stays the same for some
//! time belongs to a poll that takes at least that long. (Numbers repeat after 2^32 polls. A reader
//! would have to miss exactly that many between two reads, each time.)
//!
//! A reader gets the task in the slot from the [`TaskTable`], and then reads the word again. If it
//! is unchanged, the poll was still running while the table was read, so the slot still had the
//! same task: a new task is inserted into a slot only after the word has changed, and the store of
//! the later word comes before the release in [`TaskTable::insert`], which the reader acquires.
//!
//! The word has changed by then for this reason: a task leaves its slot when its memory is freed,
//! which is the last action of its poll, and no user code runs after it. Only user code inserts
//! another task: in a later poll, or outside of all polls, after [`PollMarker::idle`].

use crate::primitives::atomic::{AtomicBool, AtomicU64, Ordering};

use super::histogram::{Histogram, HistogramRecorder};
use super::task_table::{TaskInfo, TaskTable};

/// Stands in place of a slot while no task is polled.
const NO_TASK: u32 = u32::MAX;

/// The poll that a loop is in, its tasks and its stalls. Shared by the loop and the watchdog.
pub(crate) struct PollMarker {
    word: AtomicU64,
    pub(crate) tasks: TaskTable,
    /// Whether the loop has ended.
    over: AtomicBool,
    /// Number of stalls found. Written by the watchdog.
    stalls: AtomicU64,
    /// Lengths of the stalls that have ended, in nanoseconds. Written by the watchdog.
    lengths: HistogramRecorder,
}

/// A poll that was running when the watchdog read the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StuckPoll(u64);

#[cfg(all(test, any(loom, shuttle)))]
impl StuckPoll {
    /// Returns the number of the poll.
    pub(crate) fn number(self) -> u64 {
        self.0 >> 32
    }
}

impl PollMarker {
    pub(crate) fn new() -> PollMarker {
        PollMarker {
            word: AtomicU64::new(u64::from(NO_TASK)),
            tasks: TaskTable::new(),
            over: AtomicBool::new(false),
            stalls: AtomicU64::new(0),
            lengths: HistogramRecorder::default(),
        }
    }

    /// Marks the start of a poll. On the owner thread. The release publishes the entry of the task
    /// as well.
    #[inline]
    pub(crate) fn begin(&self, number: u32, slot: u32) {
        let word = u64::from(number) << 32 | u64::from(slot);
        self.word.store(word, Ordering::Release);
    }

    /// Marks that no poll is running. On the owner thread.
    pub(crate) fn idle(&self) {
        self.word.store(u64::from(NO_TASK), Ordering::Release);
    }

    /// Marks that the loop has ended. Wakers may keep the marker in memory for longer.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Whether the loop has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Returns the poll that is running, if any.
    pub(crate) fn current(&self) -> Option<StuckPoll> {
        let word = self.word.load(Ordering::Acquire);
        (word as u32 != NO_TASK).then_some(StuckPoll(word))
    }

    /// Returns the task of that poll; `None` if the poll has ended meanwhile.
    pub(crate) fn task(&self, stuck: StuckPoll) -> Option<TaskInfo> {
        let mut task = self.tasks.get(stuck.0 as u32)?;
        // After the acquiring loads in `get`, so this load does not see an older value.
        if self.word.load(Ordering::Relaxed) != stuck.0 {
            return None;
        }
        task.name = self.tasks.name_of(task.id);
        Some(task)
    }

    /// Counts a stall. Called by the watchdog.
    pub(crate) fn count_stall(&self) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
    }

    /// Records the length of a stall that has ended. Called by the watchdog.
    pub(crate) fn stall_ended(&self, nanos: u64) {
        self.lengths.record(nanos);
    }

    /// Returns the number of stalls, and the lengths of those that have ended.
    pub(crate) fn stalls(&self) -> (u64, Histogram) {
        let count = self.stalls.load(Ordering::Relaxed);
        (count, self.lengths.snapshot())
    }
}

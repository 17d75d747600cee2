//! What an executor has done so far.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::Executor;

/// Counted all the time: plain additions on the owner thread.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) spawned: Cell<u64>,
    pub(super) polls: Cell<u64>,
    pub(super) received: Cell<u64>,
    /// Pushes into the run queue that no wake made: of the future of `block_on`, and by aborts. Less
    /// the spawns that pushed nothing, so it may be below zero, and wraps.
    pub(super) pushed: Cell<u64>,
    pub(super) woken_remote: Cell<u64>,
    /// The last that was said, so that it never goes down.
    pub(super) woken_local: Cell<u64>,
    pub(super) coalesced: Cell<u64>,
}

/// One more.
pub(super) fn count(cell: &Cell<u64>) {
    cell.set(cell.get().wrapping_add(1));
}

/// The same, for the metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stats {
    pub(crate) alive: usize,
    pub(crate) queued: usize,
    pub(crate) spawned: u64,
    pub(crate) polls: u64,
    pub(crate) received: u64,
    pub(crate) notified: u64,
    pub(crate) woken_local: u64,
    pub(crate) woken_remote: u64,
    pub(crate) coalesced: u64,
}

impl Executor {
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            // The one for `block_on` is not a task.
            alive: self.tasks.len() - usize::from(self.main.get().is_some()),
            queued: self.queued(),
            spawned: self.counts.spawned.get(),
            polls: self.counts.polls.get(),
            received: self.counts.received.get(),
            notified: self.notified.load(Ordering::Relaxed),
            woken_local: self.woken_local(),
            woken_remote: self.counts.woken_remote.get(),
            coalesced: self.counts.coalesced.get() + self.coalesced_there.load(Ordering::Relaxed),
        }
    }

    /// How many tasks are in line.
    fn queued(&self) -> usize {
        let mut queued = 0;
        self.each_queue(|queue| queued += queue.len());
        queued
    }

    /// Counted without a counter: what was pushed into the run queue, has come out of it or is
    /// still in it, less what was pushed by others.
    fn woken_local(&self) -> u64 {
        let counts = &self.counts;
        let pushed = counts.polls.get() + self.queued() as u64;
        let others = [&counts.spawned, &counts.pushed, &counts.woken_remote];
        let now = others
            .iter()
            .fold(pushed, |rest, count| rest.wrapping_sub(count.get()));
        // In the middle of a batch, what has come out of it is not counted yet.
        let before = counts.woken_local.get();
        if now.wrapping_sub(before).cast_signed() > 0 {
            counts.woken_local.set(now);
        }
        counts.woken_local.get()
    }
}

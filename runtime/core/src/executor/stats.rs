//! Counters of an executor.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::Executor;

/// Counters that are always maintained, by plain additions on the owner thread.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) spawned: Cell<u64>,
    pub(super) polls: Cell<u64>,
    pub(super) received: Cell<u64>,
    /// Pushes into the run queue other than by wakes and spawns: of the main task, and by aborts.
    /// Spawns that pushed nothing are subtracted, so it may be negative, and wraps.
    pub(super) pushed: Cell<u64>,
    pub(super) woken_remote: Cell<u64>,
    /// Last reported value, to keep the counter monotonic.
    pub(super) woken_local: Cell<u64>,
    pub(super) coalesced: Cell<u64>,
}

/// Adds one to a counter.
pub(super) fn count(cell: &Cell<u64>) {
    cell.set(cell.get().wrapping_add(1));
}

/// Counters of an executor at one moment, for the metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExecutorStats {
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
    /// Returns the counters at this moment.
    pub(crate) fn stats(&self) -> ExecutorStats {
        ExecutorStats {
            // The main task does not count.
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

    /// Returns the number of ready tasks.
    fn queued(&self) -> usize {
        let mut queued = 0;
        self.each_queue(|queue| queued += queue.len());
        queued
    }

    /// Returns the number of local wakes that queued a task. There is no counter on that path: it
    /// is the number of pushes into the run queues, which is polls plus queued tasks, less the
    /// pushes that are counted elsewhere.
    fn woken_local(&self) -> u64 {
        let counts = &self.counts;
        let pushed = counts.polls.get() + self.queued() as u64;
        let others = [&counts.spawned, &counts.pushed, &counts.woken_remote];
        let now = others
            .iter()
            .fold(pushed, |rest, count| rest.wrapping_sub(count.get()));
        // In the middle of a batch its polls are not counted yet.
        let before = counts.woken_local.get();
        if now.wrapping_sub(before).cast_signed() > 0 {
            counts.woken_local.set(now);
        }
        counts.woken_local.get()
    }
}

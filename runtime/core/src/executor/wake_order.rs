//! Order of the tasks that a turn of the reactor and the timers wakes.
//!
//! They run before the tasks that were ready already, so before tasks that yield, if each of those
//! has had a poll since the last time that woken tasks went first. Otherwise they run after them.
//! So no task waits for longer than one poll of each other task, however many tasks the turns wake.

use std::ptr::NonNull;

use super::run_queue::RunQueue;
use super::{ClassQueue, Executor};

/// Queues longer than this are not counted exactly.
const MANY: usize = 256;

/// The tasks that were ready before a reactor turn. They are queued again when this is dropped,
/// also after a panic of a foreign waker.
struct Before<'a> {
    executor: &'a Executor,
    default: RunQueue,
    others: Vec<(NonNull<ClassQueue>, RunQueue)>,
    /// Whether the woken tasks run before these.
    woken_first: bool,
    /// Whether a task was woken.
    found: bool,
}

impl Executor {
    /// Calls `turn`, which handles what has happened outside of the loop, and orders the tasks that
    /// it wakes. Returns its result, and whether it has woken a task.
    pub(crate) fn with_wake_order<R>(&self, turn: impl FnOnce() -> R) -> (R, bool) {
        let mut before = Before::take(self);
        let result = turn();
        let found = before.put_back();
        if found && before.woken_first {
            let polls = self.counts.polls.get();
            self.round.set(polls + self.ready_at_most() as u64);
        }
        (result, found)
    }

    /// Returns the number of ready tasks, or more if there are many.
    fn ready_at_most(&self) -> usize {
        let mut ready = 0;
        self.each_queue(|queue| ready += queue.run_queue.len_up_to(MANY));
        if ready < MANY {
            ready
        } else {
            self.tasks.len()
        }
    }
}

impl Before<'_> {
    fn take(executor: &Executor) -> Before<'_> {
        let others = executor.classes.others.borrow();
        let others = others.iter();
        Before {
            executor,
            default: executor.default_queue.run_queue.take(),
            // The borrow ends here, as a foreign waker may create a class.
            others: others
                .map(|queue| (queue.pointer(), queue.run_queue.take()))
                .collect(),
            woken_first: executor.counts.polls.get() >= executor.round.get(),
            found: false,
        }
    }

    /// Queues the tasks again. Returns whether a task was woken meanwhile.
    fn put_back(&mut self) -> bool {
        put_back(
            &self.executor.default_queue.run_queue,
            &self.default,
            self.woken_first,
            &mut self.found,
        );
        for (queue, before) in &self.others {
            // SAFETY: a queue lives as long as its executor.
            let queue = unsafe { queue.as_ref() };
            put_back(&queue.run_queue, before, self.woken_first, &mut self.found);
        }
        self.found
    }
}

impl Drop for Before<'_> {
    fn drop(&mut self) {
        // Does nothing if it was done already.
        self.put_back();
    }
}

fn put_back(woken: &RunQueue, before: &RunQueue, woken_first: bool, found: &mut bool) {
    *found |= !woken.is_empty();
    if !woken_first {
        before.append(woken);
    }
    woken.append(before);
}

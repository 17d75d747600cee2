//! In which order tasks run that a look at the reactor and the timers wakes.
//!
//! They run before the tasks that were ready already, if those have all had a poll since the last
//! time that this was so: a task that yields is then behind them. Else they run after those tasks.
//! So no task waits for longer than one poll of each other one, however much the looks wake.

use std::ptr::NonNull;

use super::run_queue::RunQueue;
use super::{ClassQueue, Executor};

/// Queues longer than this are not walked.
const MANY: usize = 256;

/// What was ready before a look. It goes back when this is dropped, also after a panic of a foreign
/// waker.
struct Before<'a> {
    executor: &'a Executor,
    default: RunQueue,
    others: Vec<(NonNull<ClassQueue>, RunQueue)>,
    woken_first: bool,
    found: bool,
}

impl Executor {
    /// Looks at what may have happened outside of the loop. Returns what `look` returns, and
    /// whether it has woken a task.
    pub(crate) fn look<R>(&self, look: impl FnOnce() -> R) -> (R, bool) {
        let mut before = Before::take(self);
        let result = look();
        let found = before.put_back();
        if found && before.woken_first {
            let polls = self.counts.polls.get();
            self.round.set(polls + self.ready_at_most() as u64);
        }
        (result, found)
    }

    /// How many tasks are ready; more than there are, if they are many.
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
            // The borrow ends here, as a foreign waker may make a class.
            others: others
                .map(|queue| (queue.pointer(), queue.run_queue.take()))
                .collect(),
            woken_first: executor.counts.polls.get() >= executor.round.get(),
            found: false,
        }
    }

    /// Returns whether a task was woken meanwhile.
    fn put_back(&mut self) -> bool {
        put_back(
            &self.executor.default_queue.run_queue,
            &self.default,
            self.woken_first,
            &mut self.found,
        );
        for (queue, before) in &self.others {
            // SAFETY: a lane goes with its executor.
            let queue = unsafe { queue.as_ref() };
            put_back(&queue.run_queue, before, self.woken_first, &mut self.found);
        }
        self.found
    }
}

impl Drop for Before<'_> {
    fn drop(&mut self) {
        // Nothing, if it was done already.
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

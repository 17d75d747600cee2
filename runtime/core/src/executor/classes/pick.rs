//! The turns of the classes: which class runs next, and for how long.
//!
//! This is the slow path of the loop. While there is only the default class, with its default
//! settings, and no observer, [`Executor::tick`] runs tasks without the code in this file.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::ptr::NonNull;

use super::account::{self, QUOTA};
use super::queue::ClassQueue;
use crate::executor::tasks::TaskIter;
use crate::executor::{Batch, Executor, Tick, current};
use crate::scope::on_drop;
use crate::task::coop::time_slice;
use crate::task::schedule::Schedule;
use crate::time::clock;

/// The classes of an executor, without the queue of the default class.
pub(in crate::executor) struct Classes {
    /// The queues of the other classes, in the order of their creation. They are freed with the
    /// executor. The queue of a removed class is used again once no task points to it.
    pub(in crate::executor) others: RefCell<Vec<QueueBox>>,
    /// Whether the loop takes the slow path: there is an observer, or a class, order or quota that
    /// the fast path does not handle.
    pub(in crate::executor) slow_tick: Cell<bool>,
    /// Batches until the loop checks again whether the fast path suffices.
    patience: Cell<usize>,
    /// The class whose tasks run. Tasks that they spawn go to the same class.
    pub(in crate::executor) current: Cell<NonNull<ClassQueue>>,
    /// The class to charge for the time since the last charge. It stays set while the future of
    /// `block_on` is polled.
    open: Cell<Option<NonNull<ClassQueue>>>,
    /// The lowest virtual run time of the ready classes. A class that becomes ready starts at this
    /// value, or at its own if that is higher.
    min_vruntime: Cell<f64>,
    /// Number of turns that went to the class with the lowest virtual run time.
    fair_turns: Cell<u64>,
}

/// Owner of a queue. The queue has a fixed address, as tasks point to it. A `Box` can't own it: it
/// would assert that no other pointer accesses the queue.
pub(in crate::executor) struct QueueBox(NonNull<ClassQueue>);

impl QueueBox {
    fn new(queue: ClassQueue) -> QueueBox {
        QueueBox(NonNull::from(Box::leak(Box::new(queue))))
    }

    pub(in crate::executor) fn pointer(&self) -> NonNull<ClassQueue> {
        self.0
    }
}

impl Deref for QueueBox {
    type Target = ClassQueue;

    fn deref(&self) -> &ClassQueue {
        // SAFETY: allocated by `new`, and freed by the drop alone.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for QueueBox {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`. The executor is being freed: tasks that point here have been
        // merged and freed, or they would keep the executor alive.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Classes {
    pub(in crate::executor) fn new() -> Classes {
        Classes {
            others: RefCell::default(),
            slow_tick: Cell::new(false),
            patience: Cell::new(0),
            current: Cell::new(NonNull::dangling()),
            open: Cell::new(None),
            min_vruntime: Cell::new(0.0),
            fair_turns: Cell::new(1),
        }
    }

    /// Charges no class for the time until the next turn.
    pub(in crate::executor) fn close_account(&self) {
        self.open.set(None);
    }

    /// Makes the next batch check whether the fast path suffices.
    pub(super) fn class_removed(&self) {
        self.patience.set(0);
    }
}

impl Executor {
    /// Calls `f` with the queue of each class, the default one first.
    pub(in crate::executor) fn each_queue(&self, mut f: impl FnMut(&ClassQueue)) {
        f(&self.default_queue);
        for queue in self.classes.others.borrow().iter() {
            f(queue);
        }
    }

    /// Returns a queue for a new class: that of a removed class if no task points to it, or a new
    /// one.
    pub(super) fn free_queue(&self) -> NonNull<ClassQueue> {
        let removed = |queue: &&QueueBox| queue.is_removed.get() && queue.is_empty();
        let others = self.classes.others.borrow();
        let mut removed = others.iter().filter(removed);
        let reused = removed.find(|queue| !self.has_tasks(queue.0));
        if let Some(queue) = reused {
            return queue.0;
        }
        drop(others);
        let owner = self.default_queue.owner();
        let queue = QueueBox::new(ClassQueue::new(owner, self.this.get(), clock::ticks()));
        let pointer = queue.0;
        self.classes.others.borrow_mut().push(queue);
        pointer
    }

    /// Runs a batch for several classes, as [`tick`](Executor::tick) does for one class.
    #[cold]
    #[inline(never)]
    pub(in crate::executor) fn tick_classes(&self, batch: &mut Batch) -> Tick {
        // Outside of tasks the default class is the current one, also after a panic.
        let outside = on_drop(|| {
            self.classes.current.set(NonNull::from(&self.default_queue));
            time_slice::reset();
        });
        let mut now = clock::ticks();
        let has_latencies = self.has_latencies();
        // One long poll after short ones ends the batch: it may have delayed urgent tasks.
        batch.stamp_each_poll(has_latencies);
        self.charge(now);
        self.try_fast_path();
        loop {
            let Some((queue, is_fair)) = self.pick(now) else {
                return Tick::Idle;
            };
            if batch.left() == 0 {
                return Tick::Busy;
            }
            // SAFETY: a queue lives as long as its executor.
            let queue_ref = unsafe { queue.as_ref() };
            let account = &queue_ref.account;
            account.begin_turn(now);
            self.classes
                .fair_turns
                .set(self.classes.fair_turns.get() + u64::from(is_fair));
            self.classes.open.set(Some(queue));
            self.classes.current.set(queue);
            self.set_time_slice(queue_ref);
            let before = batch.left();
            let tick = self.class_batch(queue_ref, batch, || {
                has_latencies && (self.has_urgent_but(queue) || self.is_pending())
            });
            let polls = u64::from(before - batch.left());
            account.polls.set(account.polls.get() + polls);
            if tick == Tick::Main {
                // The caller polls the main future, and the default class is charged for it.
                std::mem::forget(outside);
                return Tick::Main;
            }
            now = clock::ticks();
            self.charge(now);
            if tick == Tick::TurnDue {
                return tick;
            }
            if has_latencies && self.is_pending() {
                return Tick::Busy;
            }
        }
    }

    /// Returns to the fast path if it suffices for all classes and tasks. The check visits all
    /// tasks, so with n tasks it is made once per n batches.
    fn try_fast_path(&self) {
        if let Some(patience) = self.classes.patience.get().checked_sub(1) {
            return self.classes.patience.set(patience);
        }
        let others = self.classes.others.borrow();
        let is_plain = self.observer.is_none()
            && !self.default_queue.is_ordered.get()
            && self.default_queue.account.quota.get() == QUOTA
            && others.iter().all(|queue| queue.is_removed.get());
        if is_plain && !others.iter().any(|queue| self.has_tasks(queue.0)) {
            return self.classes.slow_tick.set(false);
        }
        let tasks = self.tasks.len();
        self.classes.patience.set(tasks);
    }

    /// Whether any task points to the queue.
    fn has_tasks(&self, queue: NonNull<ClassQueue>) -> bool {
        let mut iter = TaskIter::default();
        let mut tasks = std::iter::from_fn(|| self.tasks.next(&mut iter));
        // SAFETY: the tasks of the iteration are alive.
        tasks.any(|task| unsafe { task.as_ref() }.scheduler == queue.cast())
    }

    /// Charges the class that ran for the time since its turn began.
    fn charge(&self, now: u64) {
        if let Some(queue) = self.classes.open.take() {
            // SAFETY: a queue lives as long as its executor.
            unsafe { queue.as_ref() }
                .account
                .charge(now, self.classes.fair_turns.get());
        }
    }

    /// Returns the class whose turn it is, and whether it has the lowest virtual run time.
    fn pick(&self, now: u64) -> Option<(NonNull<ClassQueue>, bool)> {
        let others = self.classes.others.borrow();
        for queue in others.iter().filter(|queue| queue.is_removed.get()) {
            self.default_queue.run_queue.append(&queue.run_queue);
        }
        let others = others.iter().map(|queue| &**queue);
        let queues = std::iter::once(&self.default_queue).chain(others);
        for queue in queues.clone() {
            queue
                .account
                .observe(queue.has_ready(), self.classes.min_vruntime.get(), now);
        }
        let accounts = queues.map(|queue| (NonNull::from(queue), &queue.account));
        let choice = account::pick(accounts, now, self.classes.fair_turns.get())?;
        self.classes.min_vruntime.set(choice.min_vruntime);
        Some((choice.class, choice.is_fair))
    }

    fn has_latencies(&self) -> bool {
        let has_latency = |queue: &ClassQueue| queue.account.latency.get().is_some();
        has_latency(&self.default_queue)
            || (self.classes.others.borrow().iter()).any(|queue| has_latency(queue))
    }

    /// Whether a class with a latency, other than `current`, has a ready task.
    fn has_urgent_but(&self, current: NonNull<ClassQueue>) -> bool {
        let is_urgent = |queue: &ClassQueue| {
            queue.account.latency.get().is_some()
                && queue.has_ready()
                && NonNull::from(queue) != current
        };
        is_urgent(&self.default_queue)
            || (self.classes.others.borrow().iter()).any(|queue| is_urgent(queue))
    }

    /// Sets how long a poll of this class may compute: its quota, but at most half of the shortest
    /// latency of the other classes.
    fn set_time_slice(&self, queue: &ClassQueue) {
        let mut quota = queue.account.quota.get();
        let mut ask: Option<fn() -> bool> = None;
        self.each_queue(|other| {
            if let Some(latency) = other.account.latency.get()
                && !std::ptr::eq(other, queue)
            {
                quota = quota.min(latency / 2);
                ask = Some(has_urgent);
            }
        });
        time_slice::set(quota, ask);
    }
}

/// Whether another class with a latency has a ready task, or another thread has sent a message.
/// For `should_yield`.
fn has_urgent() -> bool {
    current::try_with(|executor| {
        executor.has_urgent_but(executor.classes.current.get()) || executor.is_pending()
    })
    .unwrap_or(false)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::class::Class;

    fn takes_slow_path() -> bool {
        current::with(|executor| executor.classes.slow_tick.get())
    }

    #[test]
    fn the_loop_returns_to_the_fast_path_when_the_classes_and_their_tasks_are_gone() {
        crate::block_on(async {
            assert!(!takes_slow_path());
            let class = Class::builder("a while").build().unwrap();
            let task = crate::spawn_in(&class, std::future::pending::<()>());
            let turns = async || {
                for _ in 0..5 {
                    crate::task::yield_now().await;
                }
            };
            turns().await;
            class.remove().unwrap();
            turns().await;
            assert!(takes_slow_path(), "a task still points to the class");
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            turns().await;
            assert!(!takes_slow_path());
            // A new class leads back to the slow path.
            let class = Class::builder("again").build().unwrap();
            assert!(takes_slow_path());
            crate::spawn_in(&class, async {}).await.unwrap();
        });
    }
}

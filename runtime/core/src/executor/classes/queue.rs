//! Run queue of one scheduling class, and the order in which its tasks run.
//!
//! A task's scheduler is the queue of its class: a wake finds the run queue through a pointer that
//! it follows anyway, so classes cost a wake nothing.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::RawWakerVTable;

use super::account::Account;
use crate::executor::Executor;
use crate::executor::run_queue::RunQueue;
use crate::executor::tasks::Tasks;
use crate::id::ThreadNumber;
use crate::task::header::{Header, TaskPtr};
use crate::task::runnable::Runnable;
use crate::task::schedule::{SchedEvent, Schedule};
use crate::task::state::{LISTED, NAMED, QUEUED};
use crate::task::{Id, release, waker};

/// The waker vtable of all tasks. Its address identifies them for `will_wake`.
pub(in crate::executor) static WAKER: RawWakerVTable = waker::vtable::<ClassQueue>();

/// Run queue of one scheduling class.
///
/// Other threads use `owner` and `executor`, which do not change; all other fields belong to the
/// owner thread.
pub(crate) struct ClassQueue {
    owner: ThreadNumber,
    executor: Cell<NonNull<Executor>>,
    pub(in crate::executor) name: RefCell<Box<str>>,
    /// The ready tasks, in the order of their wakes.
    pub(in crate::executor) run_queue: RunQueue,
    /// The custom order, if there is one. Tasks go from the run queue into it, and from it to the
    /// loop.
    pub(in crate::executor) order: RefCell<Option<Box<dyn Order>>>,
    /// Whether there is a custom order.
    pub(in crate::executor) is_ordered: Cell<bool>,
    /// Number of [`Ready`]s of this queue.
    held: Cell<usize>,
    /// Whether the class was removed: nothing is spawned in it, and the default class runs its
    /// tasks.
    pub(in crate::executor) is_removed: Cell<bool>,
    /// Number of classes that have used this queue, so that a `Class` recognizes its own.
    pub(in crate::executor) generation: Cell<u64>,
    pub(super) account: Account,
}

impl ClassQueue {
    /// Creates the queue of a class with default settings.
    pub(in crate::executor) fn new(
        owner: ThreadNumber,
        executor: NonNull<Executor>,
        now: u64,
    ) -> ClassQueue {
        ClassQueue {
            owner,
            executor: Cell::new(executor),
            name: RefCell::new("default".into()),
            run_queue: RunQueue::default(),
            order: RefCell::default(),
            is_ordered: Cell::new(false),
            held: Cell::new(0),
            is_removed: Cell::new(false),
            generation: Cell::new(0),
            account: Account::new(now),
        }
    }

    /// Sets the executor, before any other thread can reach the queue.
    pub(in crate::executor) fn set_executor(&self, executor: NonNull<Executor>) {
        self.executor.set(executor);
    }

    /// Returns the executor that the queue belongs to.
    #[inline(always)]
    pub(in crate::executor) fn executor(&self) -> &Executor {
        // SAFETY: a queue lives as long as its executor, and was given the pointer of its `Arc`.
        unsafe { self.executor.get().as_ref() }
    }

    /// Replaces the order of the tasks.
    pub(super) fn set_order(&self, order: Box<dyn Order>) {
        self.is_ordered.set(true);
        // The drop of the previous order is user code: it runs with nothing borrowed.
        let old = self.order.replace(Some(order));
        drop(old);
    }

    /// Whether there is neither a queued task nor a [`Ready`].
    pub(super) fn is_empty(&self) -> bool {
        self.run_queue.is_empty() && self.held.get() == 0
    }

    /// Whether there is a task to run. Without a custom order, [`Ready`]s that the user holds do
    /// not count: dropping one queues its task again.
    pub(in crate::executor) fn has_ready(&self) -> bool {
        !self.run_queue.is_empty() || self.is_ordered.get() && self.held.get() > 0
    }

    /// Returns the number of ready tasks, held ones included.
    pub(in crate::executor) fn len(&self) -> usize {
        self.run_queue.len() + self.held.get()
    }

    /// Takes the task that runs next.
    ///
    /// # Panics
    ///
    /// If the custom order holds tasks and returns none.
    #[inline(always)]
    pub(in crate::executor) fn next(&self) -> Option<Runnable> {
        if !self.is_ordered.get() {
            return self.run_queue.pop();
        }
        self.next_in_order()
    }

    #[cold]
    fn next_in_order(&self) -> Option<Runnable> {
        let mut order = self.order.borrow_mut();
        let Some(order) = order.as_mut() else {
            return self.run_queue.pop();
        };
        // Only the tasks that are queued now: those that the order drops in `push` are queued
        // again.
        let last = self.run_queue.last();
        while let Some(task) = self.run_queue.pop() {
            let is_last = Some(task.task()) == last;
            order.push(Ready::new(task, self));
            if is_last {
                break;
            }
        }
        while let Some(ready) = order.pop() {
            if let Some(task) = ready.take(self) {
                return Some(task);
            }
        }
        // Tasks whose `Ready` the order has dropped are back in the run queue.
        let task = self.run_queue.pop();
        assert!(
            task.is_some() || self.held.get() == 0,
            "the `Order` of class {:?} has {} tasks that are ready and gives none to run: `pop` \
             may only return `None` when it has none",
            self.name.borrow(),
            self.held.get(),
        );
        task
    }
}

impl Schedule for ClassQueue {
    #[inline(always)]
    fn owner(&self) -> ThreadNumber {
        self.owner
    }

    #[inline(always)]
    fn allocate(&self, layout: Layout) -> NonNull<u8> {
        self.executor().tasks.allocate(layout)
    }

    #[inline(always)]
    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: by the contract.
        unsafe { self.executor().tasks.deallocate(memory, layout) };
    }

    unsafe fn deallocate_merged(memory: NonNull<u8>, layout: Layout) {
        // SAFETY: by the contract.
        unsafe { Tasks::deallocate_merged(memory, layout) };
    }

    #[inline(always)]
    fn schedule(&self, task: Runnable) {
        self.run_queue.push(task);
    }

    #[inline(always)]
    fn forget(&self, task: TaskPtr) {
        // SAFETY: the task is about to be freed, and still alive.
        let header = unsafe { task.as_ref() };
        if header.state.is(NAMED | LISTED) {
            self.executor().forget(header);
        }
    }

    fn on_event(&self, event: SchedEvent, task: &Header) {
        self.executor().on_event(event, task);
    }

    unsafe fn poll_member(&self, task: TaskPtr, poll: unsafe fn(TaskPtr) -> bool) -> bool {
        // SAFETY: the contract is the same.
        unsafe { self.executor().poll_member(task, poll) }
    }

    unsafe fn cancel_member(&self, task: TaskPtr, cancel: unsafe fn(TaskPtr)) {
        // SAFETY: the contract is the same.
        unsafe { self.executor().cancel_member(task, cancel) }
    }

    fn joined_elsewhere(&self, task: &Header) {
        self.executor().joined_elsewhere(task);
    }

    fn coalesced_there(&self) {
        self.executor()
            .coalesced_there
            .fetch_add(1, Ordering::Relaxed);
    }

    unsafe fn send(this: NonNull<ClassQueue>, task: TaskPtr) {
        // The loop may receive the task, drop the last reference to it and end, all before
        // `send_task` returns: so this holds a count of the executor until then.
        // SAFETY: the reference to the task keeps the executor, and so the queue, alive until here,
        // and the pointer came from its `Arc`.
        let executor = unsafe {
            let executor = this.as_ref().executor.get().as_ptr();
            Arc::increment_strong_count(executor);
            Arc::from_raw(executor)
        };
        executor.send_task(task);
    }

    unsafe fn retain(this: NonNull<ClassQueue>) {
        // SAFETY: alive, by the contract; every executor is created in an `Arc`.
        unsafe { Arc::increment_strong_count(this.as_ref().executor.get().as_ptr()) };
    }

    unsafe fn release(this: NonNull<ClassQueue>) {
        // SAFETY: undoes a `retain`, by the contract; the queue is freed with the executor, and is
        // read before that.
        unsafe { Arc::decrement_strong_count(this.as_ref().executor.get().as_ptr()) };
    }

    #[inline(always)]
    fn waker_vtable() -> &'static RawWakerVTable {
        &WAKER
    }
}

/// Decides which of the ready tasks of a class runs next. Without an order the tasks run first
/// come, first served.
///
/// Set it with [`Builder::order`](super::Builder::order) for a class, or with
/// [`wakeful::Builder::order`](crate::Builder::order) for the default class. The loop
/// calls both methods between two polls. A panic in them propagates out of `block_on`.
///
/// Earliest deadline first, for tasks whose deadlines are kept in a table:
///
/// ```
/// use std::cell::RefCell;
/// use std::collections::HashMap;
/// use std::rc::Rc;
/// use wakeful::class::{Class, Order, Ready};
/// use wakeful::task::Id;
///
/// #[derive(Clone, Default)]
/// struct Deadlines(Rc<RefCell<HashMap<Id, u32>>>);
///
/// struct EarliestFirst(Deadlines, Vec<Ready>);
///
/// impl Order for EarliestFirst {
///     fn push(&mut self, task: Ready) {
///         self.1.push(task);
///     }
///     fn pop(&mut self) -> Option<Ready> {
///         let deadlines = self.0.0.borrow();
///         let deadline = |task: &Ready| deadlines.get(&task.id()).copied().unwrap_or(u32::MAX);
///         let (at, _) = self.1.iter().enumerate().min_by_key(|(_, task)| deadline(task))?;
///         Some(self.1.remove(at))
///     }
/// }
///
/// wakeful::block_on(async {
///     let deadlines = Deadlines::default();
///     let class = Class::builder("by deadline")
///         .order(EarliestFirst(deadlines.clone(), Vec::new()))
///         .build()
///         .unwrap();
///     let ran = Rc::new(RefCell::new(Vec::new()));
///     let tasks: Vec<_> = [30, 10, 20]
///         .into_iter()
///         .map(|deadline| {
///             let ran = ran.clone();
///             let run = async move { ran.borrow_mut().push(deadline) };
///             let task = wakeful::spawn_in(&class, run);
///             deadlines.0.borrow_mut().insert(task.id(), deadline);
///             task
///         })
///         .collect();
///     for task in tasks {
///         task.await.unwrap();
///     }
///     assert_eq!(*ran.borrow(), [10, 20, 30]);
/// });
/// ```
pub trait Order: 'static {
    /// Takes a task that has become ready.
    fn push(&mut self, task: Ready);

    /// Returns the task to run next. It may only return `None` if it holds no task.
    fn pop(&mut self) -> Option<Ready>;
}

/// A task that is ready to run, held by an [`Order`].
///
/// Dropping it does not lose the task: the task is queued again, behind those that became ready
/// before.
pub struct Ready {
    /// Counted. The task is queued, or the runtime has ended.
    task: TaskPtr,
    queue: NonNull<ClassQueue>,
}

impl Ready {
    /// Wraps a task from this queue, which is its own or the default one after its class was
    /// removed.
    fn new(task: Runnable, queue: &ClassQueue) -> Ready {
        task.header().refs.clone_here();
        queue.held.set(queue.held.get() + 1);
        Ready {
            task: task.into_task(),
            queue: NonNull::from(queue),
        }
    }

    /// Returns the task, to be run in this queue. `None`: it belongs to another queue, and has been
    /// queued there.
    fn take(self, queue: &ClassQueue) -> Option<Runnable> {
        if self.queue != NonNull::from(queue) {
            return None;
        }
        let this = std::mem::ManuallyDrop::new(self);
        queue.held.set(queue.held.get() - 1);
        // SAFETY: the reference was counted for this `Ready`; being queued, the task has another.
        // It was a `Runnable`, and the loop takes tasks only while the runtime lives.
        unsafe {
            release::drop_here(this.task);
            Some(Runnable::new(this.task))
        }
    }

    /// Returns the id of the task. No handle has the id of the future of `block_on`.
    pub fn id(&self) -> Id {
        // SAFETY: the reference keeps the task alive.
        unsafe { self.task.as_ref() }.id
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // SAFETY: the reference keeps the task alive.
        let header = unsafe { self.task.as_ref() };
        // Once the runtime has ended the task never runs again, and the queue may be freed.
        if !header.refs.is_merged_here() && header.state.is(QUEUED) {
            // SAFETY: not merged, so the executor is alive, and its queues with it.
            let queue = unsafe { self.queue.as_ref() };
            queue.held.set(queue.held.get() - 1);
            // SAFETY: queued and in no list, as it was popped for this `Ready`.
            queue.run_queue.push(unsafe { Runnable::new(self.task) });
            queue.executor().task_is_ready();
        }
        // SAFETY: the reference was counted for this. A `Ready` can't leave its thread.
        unsafe { release::drop_here(self.task) };
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ready").field(&self.id()).finish()
    }
}

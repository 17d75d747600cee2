//! One line of tasks: those of one class. It is what a task calls its scheduler, so a wake finds
//! its line by the pointer that it follows anyway, and classes cost a wake nothing.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::RawWakerVTable;

use super::class::order::{Order, Ready};
use super::run_queue::RunQueue;
use super::shares::Account;
use super::tasks::Tasks;
use super::{Executor, Message, WAKER};
use crate::id::ThreadNumber;
use crate::task::header::{Header, Note, Schedule, TaskPtr};
use crate::task::runnable::Runnable;
use crate::task::state::{LISTED, NAMED};

/// Other threads reach `owner` and `executor`, which do not change; all else is the owner's.
pub(crate) struct Lane {
    owner: ThreadNumber,
    executor: Cell<NonNull<Executor>>,
    /// Who is ready, in the order of the wakes.
    pub(super) queue: RunQueue,
    /// Another order, if the user gave one: tasks go from the queue to it, and from it to the loop.
    pub(super) order: RefCell<Option<Box<dyn Order>>>,
    /// Tasks that the order has.
    pub(super) in_order: Cell<usize>,
    pub(super) account: Account,
}

impl Lane {
    pub(super) fn new(owner: ThreadNumber, executor: NonNull<Executor>) -> Lane {
        Lane {
            owner,
            executor: Cell::new(executor),
            queue: RunQueue::default(),
            order: RefCell::default(),
            in_order: Cell::new(0),
            account: Account::new(),
        }
    }

    /// Before any other thread knows of the lane.
    pub(super) fn set_executor(&self, executor: NonNull<Executor>) {
        self.executor.set(executor);
    }

    /// The executor that the lane belongs to.
    #[inline(always)]
    pub(super) fn executor(&self) -> &Executor {
        // SAFETY: lanes are part of their executor, and set up with the pointer of its `Arc`.
        unsafe { self.executor.get().as_ref() }
    }

    pub(super) fn set_order(&self, order: Box<dyn Order>) {
        self.account.ordered.set(true);
        // The one before is the user's: its drop runs with nothing borrowed.
        let old = self.order.replace(Some(order));
        drop(old);
    }

    /// Does it have nothing, in the queue or in the hands of whoever keeps a [`Ready`]?
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.in_order.get() == 0
    }

    /// Has it something to run? Without an order nobody is asked for what is kept: it is in line again when
    /// it is dropped.
    pub(super) fn has_ready(&self) -> bool {
        !self.queue.is_empty() || self.account.ordered.get() && self.in_order.get() > 0
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.in_order.get()
    }

    /// Who runs next.
    ///
    /// # Panics
    ///
    /// If the user's order has tasks and gives none.
    #[inline(always)]
    pub(super) fn next(&self) -> Option<Runnable> {
        if !self.account.ordered.get() {
            return self.queue.pop();
        }
        self.next_in_order()
    }

    #[cold]
    fn next_in_order(&self) -> Option<Runnable> {
        let mut order = self.order.borrow_mut();
        let Some(order) = order.as_mut() else {
            return self.queue.pop();
        };
        // Only those that are there now: what the order drops in `push` is in line again.
        let last = self.queue.last();
        while let Some(task) = self.queue.pop() {
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
        // What it gave up is back in the queue.
        let task = self.queue.pop();
        assert!(
            task.is_some() || self.in_order.get() == 0,
            "the `Order` of class {:?} has {} tasks that are ready and gives none to run: `pop` may \
             only return `None` when it has none",
            self.account.name.borrow(),
            self.in_order.get(),
        );
        task
    }
}

impl Schedule for Lane {
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
        self.queue.push(task);
    }

    #[inline(always)]
    fn forget(&self, task: TaskPtr) {
        // SAFETY: about to be freed, not yet.
        let header = unsafe { task.as_ref() };
        if header.state.is(NAMED | LISTED) {
            self.executor().forget(header);
        }
    }

    fn note(&self, note: Note, task: &Header) {
        self.executor().take_note(note, task);
    }

    fn joined_elsewhere(&self, task: &Header) {
        self.executor().joined_elsewhere(task);
    }

    fn coalesced_there(&self) {
        self.executor()
            .coalesced_there
            .fetch_add(1, Ordering::Relaxed);
    }

    unsafe fn send(this: NonNull<Lane>, task: TaskPtr) {
        // The loop may receive the task, drop the last reference to it and end, all before `post`
        // returns: so the executor is kept for that long.
        // SAFETY: the reference to the task keeps the executor, and so the lane, alive until here,
        // and the pointer came from its `Arc`.
        let executor = unsafe {
            let executor = this.as_ref().executor.get().as_ptr();
            Arc::increment_strong_count(executor);
            Arc::from_raw(executor)
        };
        executor.post(Message::Task(task));
    }

    unsafe fn retain(this: NonNull<Lane>) {
        // SAFETY: alive, by the contract; every executor is made in an `Arc`.
        unsafe { Arc::increment_strong_count(this.as_ref().executor.get().as_ptr()) };
    }

    unsafe fn release(this: NonNull<Lane>) {
        // SAFETY: undoes a `retain`, by the contract; the lane goes with the executor, and is read
        // before.
        unsafe { Arc::decrement_strong_count(this.as_ref().executor.get().as_ptr()) };
    }

    #[inline(always)]
    fn waker_vtable() -> &'static RawWakerVTable {
        &WAKER
    }
}

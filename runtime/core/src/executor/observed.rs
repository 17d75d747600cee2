//! Slow paths of the executor: with an observer, with several classes, driven by another loop,
//! and during shutdown. They are separate functions, so that the fast paths in `mod.rs` do not slow
//! down.

use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use super::stats::count;
use super::{Batch, ClassQueue, Executor, Tick};
use crate::console::{self, About};
use crate::observe::Observer;
use crate::task::header::{Header, TaskPtr};
use crate::task::lifecycle;
use crate::task::runnable::Runnable;
use crate::task::schedule::SchedEvent;
use crate::task::state::{DONE, JOIN, LISTED, QUEUED, State, TIMED};
use crate::task::{Id, JoinHandle};

/// Guard that records the end of an observed `block_on`.
pub(crate) struct Watched<'a>(&'a Observer);

impl Watched<'_> {
    /// Records the end of the last poll of the future of `block_on`, which is ready.
    ///
    /// # Panics
    ///
    /// If a poll took longer than the limit allows.
    #[track_caller]
    pub(crate) fn end(self) {
        self.0.poll_ends();
        self.0.enforce_limit();
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.poll_ends();
        self.0.idle();
    }
}

impl Executor {
    /// Spawns a task while an observer is installed, in a group, in a driven loop, or during
    /// shutdown.
    #[track_caller]
    #[cold]
    #[inline(never)]
    pub(super) fn spawn_slow<F>(
        &self,
        id: Id,
        location: &'static Location<'static>,
        future: F,
        queue: NonNull<ClassQueue>,
        console: console::Task,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.check_not_released();
        let is_member = self.join_group(id, location);
        // During shutdown the future is dropped here, which may end the scope that the caller
        // borrows `self` from.
        let _kept = self.shared();
        let closing = self.closing.get();
        let timed = self.is_driven() || self.observer().is_some_and(Observer::times_wakes);
        let state = if closing { JOIN } else { JOIN | QUEUED } | if timed { TIMED } else { 0 };
        let task = self.allocate(
            id,
            location,
            future,
            State::new(state),
            2,
            is_member,
            queue,
            console,
        );
        if let Some(observer) = self.observer() {
            // SAFETY: just allocated.
            observer.spawned(unsafe { task.as_ref() }.slot.get(), id, location);
        }
        if closing {
            // The task counts as spawned, and was not pushed.
            let pushed = &self.counts.pushed;
            pushed.set(pushed.get().wrapping_sub(1));
            // SAFETY: owner thread; the task is new.
            unsafe { lifecycle::cancel::<ClassQueue>(task) };
            if self.has_ended() {
                // SAFETY: owner thread; the second reference is for the handle below.
                unsafe { self.merge_late(task) };
            }
        } else {
            // SAFETY: queues live as long as the executor; `QUEUED` is set, and the task is new.
            unsafe { queue.as_ref().run_queue.push(Runnable::new(task)) };
            self.task_is_ready();
            if is_member && self.scope().is_some_and(|scope| scope.group.is_aborted()) {
                lifecycle::abort_here::<ClassQueue>(task);
            }
        }
        // SAFETY: `JOIN` is set, and the second reference is for this one handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Spawns a task. Drops the future and returns `None` if the executor has ended, even if that
    /// happens during the spawn.
    #[track_caller]
    pub(crate) fn try_spawn<F>(
        self: &Arc<Self>,
        location: &'static Location<'static>,
        future: F,
    ) -> Option<JoinHandle<F::Output>>
    where
        F: Future + 'static,
    {
        let id = self.next_id();
        let (queue, console) = self.report(id, location, size_of::<F>(), About::task());
        if self.is_released() {
            return None;
        }
        Some(self.spawn_reported(id, location, future, queue, console))
    }

    /// Merges a task that was spawned after
    /// [`release_remaining`](Executor::release_remaining), which merges all earlier tasks.
    ///
    /// # Safety
    /// On the owner thread; the task is done, not queued, and still referenced.
    unsafe fn merge_late(&self, task: TaskPtr) {
        // SAFETY: still referenced.
        let header = unsafe { task.as_ref() };
        // If the runtime ended during the cancellation, `release_remaining` has merged the task.
        if header.refs.is_merged_here() {
            return;
        }
        if header.state.is(LISTED) {
            self.tasks.remove(header);
            header.state.clear(LISTED);
        }
        // SAFETY: by the contract; `&self` is the executor that the queue belongs to.
        unsafe { lifecycle::merge::<ClassQueue>(task) };
    }

    /// Runs a batch as [`tick`](Executor::tick) does, for an executor with classes or an observer.
    #[cold]
    #[inline(never)]
    pub(super) fn tick_slow(&self, batch: &mut Batch) -> Tick {
        let Some(observer) = self.observer() else {
            return self.tick_classes(batch);
        };
        // If the loop has just polled the main task, that poll is recorded as ended here.
        observer.poll_ends();
        observer.enforce_limit();
        let tick = self.tick_classes(batch);
        if tick == Tick::Main {
            // SAFETY: the executor holds a reference to it.
            observer.poll_begins(unsafe { self.main().as_ref() }.slot.get());
        } else {
            observer.idle();
            observer.enforce_limit();
        }
        tick
    }

    /// Runs a batch of one class, which ends early once `stop` returns `true`.
    pub(super) fn class_batch(
        &self,
        queue: &ClassQueue,
        batch: &mut Batch,
        stop: impl Fn() -> bool,
    ) -> Tick {
        let first = Cell::new(true);
        // A turn is at least one poll.
        let next = || match first.replace(false) || !stop() {
            true => queue.next(),
            false => None,
        };
        let has_yielded = Cell::new(false);
        let run = |task: Runnable| {
            let slot = task.header().slot.get();
            // The pointer is only compared below: the task may be freed by then.
            let polled = task.task();
            if let Some(observer) = self.observer() {
                observer.poll_begins(slot);
            }
            // SAFETY: as in `tick`.
            unsafe { lifecycle::run::<ClassQueue>(task) };
            // The task may be freed, and an `Order`, which is user code, may run next.
            self.running.set(None);
            has_yielded.set(queue.run_queue.last() == Some(polled));
            if let Some(observer) = self.observer() {
                observer.poll_ends();
            }
        };
        self.batch(batch, next, run, || has_yielded.get())
    }

    /// Reports that a `block_on` begins. Dropping the guard records the
    /// end of its last poll.
    pub(crate) fn main_begins(&self, location: &'static Location<'static>) -> Option<Watched<'_>> {
        let observer = self.observer.as_deref()?;
        // SAFETY: the executor holds a reference to it.
        let main = unsafe { self.main().as_ref() };
        observer.spawned(main.slot.get(), main.id, location);
        observer.named(main.id, "block_on");
        Some(Watched(observer))
    }

    /// Returns a guard that records the end of the poll that is under way when it is dropped.
    pub(crate) fn watched(&self) -> Option<Watched<'_>> {
        self.observer.as_deref().map(Watched)
    }

    /// Returns the observer, if one is installed.
    #[inline(always)]
    pub(crate) fn observer(&self) -> Option<&Observer> {
        self.observer.as_deref()
    }

    /// Counts a scheduling event. If it queued the task, records the time in the observer, and
    /// notifies a host that waits.
    pub(super) fn on_event(&self, event: SchedEvent, task: &Header) {
        match event {
            SchedEvent::Timed => {}
            SchedEvent::Coalesced => return count(&self.counts.coalesced),
            SchedEvent::Abort => count(&self.counts.pushed),
            SchedEvent::Remote if task.state.is(QUEUED | DONE) => return,
            SchedEvent::Remote => return count(&self.counts.woken_remote),
        }
        if let Some(observer) = &self.observer {
            observer.queued(task.slot.get());
        }
        self.task_is_ready();
    }
}

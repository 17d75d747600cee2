//! The long ways that an executor takes when someone looks on. The short ones are in `mod.rs`, and
//! pay nothing for these.

use std::future::Future;
use std::panic::Location;

use super::Executor;
use super::stats::count;
use crate::observe::Observer;
use crate::task::header::{Header, Note};
use crate::task::state::{DONE, JOIN, QUEUED, State, TIMED};
use crate::task::{Id, JoinHandle, runnable};

/// For as long as an observed `block_on` runs.
pub(crate) struct Watched<'a>(&'a Observer);

impl Watched<'_> {
    /// The future is ready.
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
    /// Someone looks on, or it is too late to run.
    #[cold]
    #[inline(never)]
    pub(super) fn spawn_slowly<F>(
        &self,
        id: Id,
        location: &'static Location<'static>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let closing = self.closing.get();
        let timed = self.observer().is_some_and(Observer::times_wakes);
        let state = if closing { JOIN } else { JOIN | QUEUED } | if timed { TIMED } else { 0 };
        let task = self.allocate(id, location, future, State::new(state), 2);
        if let Some(observer) = self.observer() {
            // SAFETY: just allocated.
            observer.spawned(unsafe { task.as_ref() }.slot.get(), id, location);
        }
        if closing {
            // It was spawned, and yet never pushed.
            let pushed = &self.counts.pushed;
            pushed.set(pushed.get().wrapping_sub(1));
            // SAFETY: owner thread; the task is new.
            unsafe { runnable::cancel::<Executor>(task) };
        } else {
            // SAFETY: a task keeps the scheduler's reference while it is queued.
            unsafe { self.queue.push(task) };
        }
        // SAFETY: `JOIN` is set, and the second reference is for this one handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Does for an observed executor what [`tick`](Executor::tick) would do, and leaves to it what
    /// is no poll of a task: it finds the queue empty, the budget used up, or the future of
    /// `block_on` in front. Returns what is left of the budget.
    #[cold]
    #[inline(never)]
    pub(crate) fn tick_observed(&self, mut budget: u32) -> u32 {
        let Some(observer) = self.observer() else {
            return budget;
        };
        // That of the future of `block_on` ends here: the next thing the loop does, or nearly.
        observer.poll_ends();
        observer.enforce_limit();
        while budget > 0 {
            let Some(task) = self.queue.front() else {
                break;
            };
            // SAFETY: a linked task is alive.
            let slot = unsafe { task.as_ref() }.slot.get();
            observer.poll_begins(slot);
            if Some(task) == self.main.get() {
                return budget;
            }
            self.tick(&mut 1);
            observer.poll_ends();
            budget -= 1;
        }
        observer.idle();
        observer.enforce_limit();
        budget
    }

    /// A `block_on` begins. Its last poll has ended when the answer is dropped.
    pub(crate) fn main_begins(&self, location: &'static Location<'static>) -> Option<Watched<'_>> {
        let observer = self.observer.as_deref()?;
        // SAFETY: the executor keeps a reference to it.
        let main = unsafe { self.main().as_ref() };
        observer.spawned(main.slot.get(), main.id, location);
        observer.named(main.id, "block_on");
        Some(Watched(observer))
    }

    #[inline(always)]
    pub(crate) fn observer(&self) -> Option<&Observer> {
        self.observer.as_deref()
    }

    /// Counts, and passes on who is in line from now on.
    pub(super) fn take_note(&self, note: Note, task: &Header) {
        match note {
            Note::Timed => {}
            Note::Coalesced => return count(&self.counts.coalesced),
            Note::Abort => count(&self.counts.pushed),
            Note::Remote if task.state.is(QUEUED | DONE) => return,
            Note::Remote => return count(&self.counts.woken_remote),
        }
        if let Some(observer) = &self.observer {
            observer.queued(task.slot.get());
        }
    }
}

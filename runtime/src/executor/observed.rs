//! The long ways that an executor takes when someone looks on. The short ones are in `mod.rs`, and
//! pay nothing for these.

use std::cell::Cell;
use std::future::Future;
use std::panic::Location;

use super::stats::count;
use super::{Batch, Executor, Lane, Tick};
use crate::console::About;
use crate::observe::Observer;
use crate::task::header::{Header, Note, TaskPtr};
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
        about: About<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let closing = self.closing.get();
        let timed = self.observer().is_some_and(Observer::times_wakes);
        let state = if closing { JOIN } else { JOIN | QUEUED } | if timed { TIMED } else { 0 };
        let lane = self.lanes.current.get();
        let task = self.allocate(id, location, future, State::new(state), 2, lane);
        // SAFETY: just allocated.
        let console = unsafe { &(*task.as_ptr()).console };
        console.spawned(about, id.as_u64(), size_of::<F>(), location);
        if let Some(observer) = self.observer() {
            // SAFETY: just allocated.
            observer.spawned(unsafe { task.as_ref() }.slot.get(), id, location);
        }
        if closing {
            // It was spawned, and yet never pushed.
            let pushed = &self.counts.pushed;
            pushed.set(pushed.get().wrapping_sub(1));
            // SAFETY: owner thread; the task is new.
            unsafe { runnable::cancel::<Lane>(task) };
        } else {
            // SAFETY: a task keeps the scheduler's reference while it is queued.
            unsafe { lane.as_ref().queue.push(task) };
        }
        // SAFETY: `JOIN` is set, and the second reference is for this one handle.
        unsafe { JoinHandle::new(task) }
    }

    /// [`tick`](Executor::tick) where there are classes, or someone looks on.
    #[cold]
    #[inline(never)]
    pub(super) fn tick_slowly(&self, batch: &mut Batch) -> Tick {
        let Some(observer) = self.observer() else {
            return self.tick_classes(batch);
        };
        // That of the future of `block_on` ends here: the next thing the loop does, or nearly.
        observer.poll_ends();
        observer.enforce_limit();
        let tick = self.tick_classes(batch);
        if tick == Tick::Main {
            // SAFETY: the executor keeps a reference to it.
            observer.poll_begins(unsafe { self.main().as_ref() }.slot.get());
        } else {
            observer.idle();
            observer.enforce_limit();
        }
        tick
    }

    /// A batch of one lane, which ends early when `stop` says so.
    pub(super) fn lane_batch(
        &self,
        lane: &Lane,
        batch: &mut Batch,
        stop: impl Fn() -> bool,
    ) -> Tick {
        let first = Cell::new(true);
        // Its turn is one poll at least.
        let next = || match first.replace(false) || !stop() {
            true => lane.next(),
            false => None,
        };
        let has_yielded = Cell::new(false);
        let run = |task: TaskPtr| {
            // SAFETY: just popped, so alive.
            let slot = unsafe { task.as_ref() }.slot.get();
            if let Some(observer) = self.observer() {
                observer.poll_begins(slot);
            }
            // SAFETY: as in `tick`.
            unsafe { runnable::run::<Lane>(task) };
            // It may be gone, and an `Order` is asked who is next.
            self.running.set(None);
            has_yielded.set(lane.queue.last() == Some(task));
            if let Some(observer) = self.observer() {
                observer.poll_ends();
            }
        };
        self.batch(batch, next, run, || has_yielded.get())
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

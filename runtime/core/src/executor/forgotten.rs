//! What could still wake the tasks of a loop that has nothing of its own to wait for.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::task::Waker;

use super::tasks::Walk;
use super::{Executor, Lane, WAKER};
use crate::context::{self, Wakers};
use crate::id::ThreadNumber;
use crate::task::header::{Header, Schedule};
use crate::task::state::DONE;
use crate::task::waker;

impl Executor {
    /// Calls `f` with every task that has not ended, that of `block_on` included. `f` frees none.
    fn each_alive(&self, mut f: impl FnMut(&Header) -> ControlFlow<()>) {
        if self.is_dissolved() {
            return;
        }
        let mut walk = Walk::default();
        while let Some(task) = self.tasks.next(&mut walk) {
            // SAFETY: what a walk meets is alive.
            let header = unsafe { task.as_ref() };
            if !header.state.is(DONE) && f(header).is_break() {
                return;
            }
        }
    }

    /// Whether the waker is that of a task of this executor that has not ended. `None`: it is no task's, so
    /// there is no telling what it wakes.
    pub(crate) fn is_woken_by(&self, waker: &Waker) -> Option<bool> {
        if !std::ptr::eq(waker.vtable(), &raw const WAKER) {
            return None;
        }
        // SAFETY: by its vtable it was made for a task, and it holds a reference.
        let header = unsafe { waker::task(waker.data()).as_ref() };
        // SAFETY: by the vtable, too, the scheduler is a lane.
        let lane = unsafe { header.scheduler::<Lane>() };
        Some(std::ptr::eq(lane.executor(), self) && !header.state.is(DONE))
    }

    /// How many wakers of the tasks there are, but for those that wait for another task of this executor.
    pub(crate) fn wakers_outside(&self) -> u64 {
        let mut outside = 0_u64;
        self.each_alive(|task| {
            outside += waker::count(task).unwrap_or(0);
            ControlFlow::Continue(())
        });
        let _ = self.each(&mut |waker| {
            let inside = self.is_woken_by(waker) == Some(true);
            outside = outside.saturating_sub(u64::from(inside));
            ControlFlow::Continue(())
        });
        outside
    }

    /// The tasks that have not ended, as people know them, at most `most` of them. The future of `block_on` is
    /// none.
    pub(crate) fn unended(&self, most: usize) -> String {
        let mut text = String::new();
        let mut more = 0;
        self.each_alive(|task| {
            if self
                .main
                .get()
                .is_some_and(|main| main.as_ptr().cast_const() == &raw const *task)
            {
                return ControlFlow::Continue(());
            }
            more += 1;
            if more <= most {
                let separator = if more > 1 { ", " } else { "" };
                let _ = write!(text, "{separator}{}", self.describe(task));
            }
            ControlFlow::Continue(())
        });
        if more > most {
            let _ = write!(text, " and {} more", more - most);
        }
        text
    }

    fn describe(&self, task: &Header) -> String {
        let mut text = format!("task {}", task.id);
        if let Some(name) = self.name_of(task.id) {
            let _ = write!(text, " ('{name}')");
        }
        let seen = self
            .observer()
            .and_then(|observer| observer.marker().tasks.get(task.slot.get()));
        if let Some(location) = seen.and_then(|who| who.location) {
            let _ = write!(text, ", spawned at {location}");
        }
        text
    }

    /// The thread whose loop it is. Any thread may ask.
    pub(crate) fn home(&self) -> ThreadNumber {
        self.lane.owner()
    }

    /// A task is waited for, and not by a waker of its own lane.
    pub(super) fn joined_elsewhere(&self, task: &Header) {
        if context::is_foreign(self) {
            let this: Weak<Executor> = Arc::downgrade(&self.shared());
            let what = format!("{} by its `JoinHandle`", self.describe(task));
            context::note_foreign(what, Box::new(this));
        }
    }

    /// Calls `f` with the waker of each task that is waited for.
    fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        self.each_alive(|task| {
            // Nothing in here looks for it meanwhile, and no user code runs.
            if let Some(waker) = task.join_waker.take() {
                flow = f(&waker);
                task.join_waker.set(Some(waker));
            }
            flow
        });
        flow
    }
}

impl Wakers for Weak<Executor> {
    fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.upgrade() {
            Some(executor) => executor.each(f),
            None => ControlFlow::Continue(()),
        }
    }

    fn address(&self) -> *const () {
        self.as_ptr().cast()
    }
}

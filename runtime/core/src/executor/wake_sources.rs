//! What can still wake the tasks of a loop that has no timer, source or call to wait for: the
//! wakers that are held outside of the executor. `block_on` uses it to report a deadlock, and
//! `dump` to list the tasks.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::task::Waker;

use super::Executor;
use super::classes::{ClassQueue, WAKER};
use super::tasks::TaskIter;
use crate::context::{self, Wakers};
use crate::id::ThreadNumber;
use crate::task::Id;
use crate::task::header::Header;
use crate::task::schedule::Schedule;
use crate::task::state::{DONE, QUEUED};
use crate::task::waker;

/// A task that has not ended, as the owner thread sees it.
#[derive(Clone, Debug)]
pub(crate) struct LiveTask {
    pub(crate) id: Id,
    pub(crate) name: Option<Box<str>>,
    /// Where it was spawned, if the executor has an observer.
    pub(crate) location: Option<&'static Location<'static>>,
    /// Whether it is the future of `block_on`.
    pub(crate) is_main: bool,
    pub(crate) is_queued: bool,
    pub(crate) is_running: bool,
    /// Number of its wakers. An `AbortHandle` counts as one.
    pub(crate) wakers: u64,
}

impl Executor {
    /// Returns the id of the running task. If none runs while the loop does, it is that of the
    /// future of `block_on`.
    pub(crate) fn running_or_main(&self) -> Option<Id> {
        let main = || {
            let main = self.main.get().filter(|_| context::is_running_part(self))?;
            // SAFETY: the executor holds a reference to it.
            Some(unsafe { main.as_ref() }.id)
        };
        self.running().or_else(main)
    }

    /// Returns the tasks that have not ended.
    pub(crate) fn live_tasks(&self, running: Option<Id>) -> Vec<LiveTask> {
        let mut tasks = Vec::new();
        self.each_alive(|task| {
            tasks.push(LiveTask {
                id: task.id,
                name: self.name_of(task.id),
                location: self.location_of(task),
                is_main: self.is_main(task),
                is_queued: task.state.is(QUEUED),
                is_running: running == Some(task.id),
                wakers: waker::count(task).unwrap_or(0),
            });
            ControlFlow::Continue(())
        });
        tasks
    }

    /// Calls `f` with each pair of a task of this executor and the task whose end it waits for.
    pub(crate) fn each_join(&self, mut f: impl FnMut(Id, Id)) {
        self.each_alive(|task| {
            // The waker is out of its cell only here: `f` runs no user code.
            if let Some(waker) = task.join_waker.take() {
                if let Some(waiting) = self.woken_by(&waker) {
                    f(waiting, task.id);
                }
                task.join_waker.set(Some(waker));
            }
            ControlFlow::Continue(())
        });
    }

    /// Returns the task of this executor that the waker wakes, if it has not ended.
    pub(crate) fn woken_by(&self, waker: &Waker) -> Option<Id> {
        (self.is_woken_by(waker) == Some(true)).then(|| {
            // SAFETY: by its vtable the waker is that of a task, and it holds a reference.
            unsafe { waker::task(waker.data()).as_ref() }.id
        })
    }

    fn is_main(&self, task: &Header) -> bool {
        let main = self.main.get();
        main.is_some_and(|main| main.as_ptr().cast_const() == &raw const *task)
    }

    fn location_of(&self, task: &Header) -> Option<&'static Location<'static>> {
        let marker = self.observer()?.marker();
        marker.tasks.get(task.slot.get())?.location
    }

    /// Calls `f` with each task that has not ended, the main task included. `f` frees no task.
    fn each_alive(&self, mut f: impl FnMut(&Header) -> ControlFlow<()>) {
        if self.is_released() {
            return;
        }
        let mut iter = TaskIter::default();
        while let Some(task) = self.tasks.next(&mut iter) {
            // SAFETY: the tasks of the iteration are alive.
            let header = unsafe { task.as_ref() };
            if !header.state.is(DONE) && f(header).is_break() {
                return;
            }
        }
    }

    /// Whether the waker wakes a task of this executor that has not ended. `None`: it is a foreign
    /// waker, so that is unknown.
    pub(crate) fn is_woken_by(&self, waker: &Waker) -> Option<bool> {
        if !std::ptr::eq(waker.vtable(), &raw const WAKER) {
            return None;
        }
        // SAFETY: by its vtable the waker is that of a task, and it holds a reference.
        let header = unsafe { waker::task(waker.data()).as_ref() };
        // SAFETY: by the vtable, the scheduler is a `ClassQueue`.
        let queue = unsafe { header.scheduler::<ClassQueue>() };
        Some(std::ptr::eq(queue.executor(), self) && !header.state.is(DONE))
    }

    /// Returns the number of wakers of the tasks, without those that wait for another task of this
    /// executor.
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

    /// Describes the tasks that have not ended, at most `most` of them, without the main task.
    pub(crate) fn unended(&self, most: usize) -> String {
        let mut text = String::new();
        let mut more = 0;
        self.each_alive(|task| {
            if self.is_main(task) {
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

    /// Returns the id, name and spawn location of a task, as far as they are known.
    fn describe(&self, task: &Header) -> String {
        let mut text = format!("task {}", task.id);
        if let Some(name) = self.name_of(task.id) {
            let _ = write!(text, " ('{name}')");
        }
        if let Some(location) = self.location_of(task) {
            let _ = write!(text, ", spawned at {location}");
        }
        text
    }

    /// Returns the number of the owner thread. Any thread.
    pub(crate) fn home(&self) -> ThreadNumber {
        self.default_queue.owner()
    }

    /// Records that a waker of another scheduler waits for a task.
    pub(super) fn joined_elsewhere(&self, task: &Header) {
        if context::is_foreign(self) {
            let this: Weak<Executor> = Arc::downgrade(&self.shared());
            let what = format!("{} by its `JoinHandle`", self.describe(task));
            context::note_foreign(what, Box::new(this));
        }
    }

    /// Calls `f` with the waker of each task that is joined.
    fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        self.each_alive(|task| {
            // The waker is out of its cell only here: `f` runs no user code.
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

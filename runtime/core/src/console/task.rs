//! Tasks and closures as spans, what is done to wakers as events.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;

use super::quiet::Shown;
use crate::unwind::caught;

/// What is said of a task as it is made.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    shown: bool,
    name: Option<&'a str>,
}

impl<'a> About<'a> {
    pub(crate) fn task() -> About<'a> {
        About {
            shown: true,
            name: None,
        }
    }

    pub(crate) fn named(name: &'a str) -> About<'a> {
        About {
            shown: true,
            name: Some(name),
        }
    }

    /// It works for something that is shown already.
    pub(crate) fn hidden() -> About<'a> {
        About {
            shown: false,
            name: None,
        }
    }
}

/// A task's part of the console, in its header.
pub(crate) struct Task {
    /// How the subscriber calls its span; 0: it is not shown. Any thread.
    id: AtomicU64,
    /// `None` also while it is entered. Owner only. One word, as most tasks are shown to nobody.
    span: Cell<Option<Box<Shown>>>,
}

impl Task {
    #[inline(always)]
    pub(crate) fn new() -> Task {
        Task {
            id: AtomicU64::new(0),
            span: Cell::new(None),
        }
    }

    /// Reports a task that is about to be made. `id` is its number, `size` that of its future.
    ///
    /// The subscriber is user code, which may close the runtime, run its loop or drop it. So this
    /// comes before the task has memory or a place in a queue.
    #[inline(always)]
    pub(crate) fn spawned(
        about: About<'_>,
        id: u64,
        size: usize,
        location: &'static Location<'static>,
    ) -> Task {
        let task = Task::new();
        if about.shown
            && let Some(span) = self::task("task", about.name, id, size, location)
        {
            task.show(span);
        }
        task
    }

    /// The future of a `block_on` begins; it ends when the answer is dropped.
    pub(crate) fn main_begins(
        &self,
        id: impl FnOnce() -> u64,
        size: usize,
        location: &'static Location<'static>,
    ) -> Main<'_> {
        if let Some(span) = task("block_on", Some("main"), id(), size, location) {
            self.show(span);
        }
        Main(self)
    }

    fn show(&self, span: Shown) {
        // Nothing but a number: what it stands for is the subscriber's.
        self.id.store(span.id(), Ordering::Relaxed);
        self.span.set(Some(Box::new(span)));
    }

    #[inline(always)]
    fn is_shown(&self) -> bool {
        self.id.load(Ordering::Relaxed) != 0
    }

    /// A poll begins. It ends with [`exit`](Self::exit), or by a panic, with the answer.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Entered {
        if self.is_shown() {
            self.enter_shown()
        } else {
            Entered(None)
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_shown(&self) -> Entered {
        let span = self.span.take();
        if let Some(span) = &span {
            span.enter();
        }
        Entered(span)
    }

    #[inline(always)]
    pub(crate) fn exit(&self, mut entered: Entered) {
        if let Some(span) = entered.0.take() {
            self.exit_shown(span);
        }
    }

    #[cold]
    #[inline(never)]
    fn exit_shown(&self, span: Box<Shown>) {
        span.exit();
        self.span.set(Some(span));
    }

    /// The future is gone. Events may still come.
    #[inline(always)]
    pub(crate) fn closed(&self) {
        if self.is_shown() {
            self.close_shown();
        }
    }

    #[cold]
    #[inline(never)]
    fn close_shown(&self) {
        drop(self.span.take());
    }

    /// A waker was cloned. Any thread, as for the others.
    #[inline(always)]
    pub(crate) fn cloned(&self) {
        self.tell("waker.clone");
    }

    /// A waker is about to be dropped.
    #[inline(always)]
    pub(crate) fn dropped(&self) {
        self.tell("waker.drop");
    }

    /// A waker is about to wake. One that is not `by_ref` is used up by that, and not dropped besides.
    #[inline(always)]
    pub(crate) fn woken(&self, by_ref: bool) {
        self.tell(if by_ref {
            "waker.wake_by_ref"
        } else {
            "waker.wake"
        });
    }

    #[inline(always)]
    fn tell(&self, op: &'static str) {
        let id = self.id.load(Ordering::Relaxed);
        if id != 0 {
            event(op, id);
        }
    }
}

/// A task that is polled.
#[must_use]
pub(crate) struct Entered(Option<Box<Shown>>);

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.exit();
        }
    }
}

/// The future of a `block_on`.
#[must_use]
pub(crate) struct Main<'a>(&'a Task);

impl Drop for Main<'_> {
    fn drop(&mut self) {
        self.0.id.store(0, Ordering::Relaxed);
        drop(self.0.span.take());
    }
}

/// A closure for the pool. Goes to another thread.
pub(crate) struct Closure(Option<Shown>);

impl Closure {
    /// One that is not shown.
    pub(crate) fn hidden() -> Closure {
        Closure(None)
    }

    pub(crate) fn new(id: u64, size: usize, location: &'static Location<'static>) -> Closure {
        Closure(task("blocking", None, id, size, location))
    }

    /// It runs now, on this thread, until the answer is dropped.
    pub(crate) fn enter(self) -> Work {
        if let Some(span) = &self.0 {
            span.enter();
        }
        Work(self.0)
    }
}

/// A closure that runs.
#[must_use]
pub(crate) struct Work(Option<Shown>);

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.exit();
        }
    }
}

/// The span has no parent: it would keep that one open for as long as the task lives.
#[inline(always)]
fn task(
    kind: &'static str,
    name: Option<&str>,
    id: u64,
    size: usize,
    location: &'static Location<'static>,
) -> Option<Shown> {
    Shown::new(|| {
        tracing::span!(
            target: "wakeful::task",
            parent: None,
            Level::TRACE,
            "runtime.spawn",
            kind,
            task.name = name,
            task.id = id,
            size.bytes = size as u64,
            loc.file = location.file(),
            loc.line = location.line(),
            loc.col = location.column(),
        )
    })
}

#[cold]
#[inline(never)]
fn event(op: &'static str, id: u64) {
    caught(|| tracing::event!(target: "runtime::waker", Level::TRACE, op, task.id = id));
}

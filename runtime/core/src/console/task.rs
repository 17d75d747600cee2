//! Tasks and closures as spans, operations on wakers as events.
//!
//! The subscriber recognizes spans and events by names, targets and types of fields, and ignores
//! the rest; `tests/console.rs` is a subscriber that requires all of them. The subscriber is user
//! code in the middle of a wake, or between a poll and its end. It is called with nothing borrowed,
//! and `span.rs` catches its panics.
//!
//! A task has its span in its header, and next to it the id that the subscriber gave it, which is
//! all that a waker needs on any thread. The span is taken out for the poll and put back, so
//! nothing is borrowed while user code runs. It is dropped in `finish`, which each task reaches
//! once.
//!
//! tokio-console reports a task as lost if clones and drops do not balance. They do: timers,
//! sources and join handles keep real wakers of tasks. A wake that consumes its waker is reported
//! as a wake alone. References that are not wakers are not reported, except those of an
//! `AbortHandle`, which contains a waker.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::Ordering;

use tracing::Level;

use super::span::SafeSpan;
use crate::sys::AtomicU64;
use crate::unwind::caught;

/// Description of a new task.
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

    /// A task that works for something that is shown already.
    pub(crate) fn hidden() -> About<'a> {
        About {
            shown: false,
            name: None,
        }
    }
}

/// The console's data of a task, in its header.
pub(crate) struct Task {
    /// The id of its span for the subscriber, or 0 if the task is not shown. Any thread.
    id: AtomicU64,
    /// `None` also while the span is entered. Owner only. One word, as most tasks are not shown.
    span: Cell<Option<Box<SafeSpan>>>,
}

impl Task {
    #[inline(always)]
    pub(crate) fn new() -> Task {
        Task {
            id: AtomicU64::new(0),
            span: Cell::new(None),
        }
    }

    /// Reports a task that is about to be made. `size` is the size of its future in bytes.
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

    /// Reports the start of the future of a `block_on`. It ends when the returned guard is dropped.
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

    fn show(&self, span: SafeSpan) {
        // Relaxed is enough: the id is a plain number, and its data belongs to the subscriber.
        self.id.store(span.id(), Ordering::Relaxed);
        self.span.set(Some(Box::new(span)));
    }

    #[inline(always)]
    fn is_shown(&self) -> bool {
        self.id.load(Ordering::Relaxed) != 0
    }

    /// Reports the start of a poll. It ends with [`exit`](Self::exit), or if it panics, with the
    /// drop of the returned guard.
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
    fn exit_shown(&self, span: Box<SafeSpan>) {
        span.exit();
        self.span.set(Some(span));
    }

    /// Reports that the future was dropped. Events of wakers may follow.
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

    /// Reports a clone of a waker. Any thread, as for the next two.
    #[inline(always)]
    pub(crate) fn cloned(&self) {
        self.report("waker.clone");
    }

    /// Reports the drop of a waker, before it.
    #[inline(always)]
    pub(crate) fn dropped(&self) {
        self.report("waker.drop");
    }

    /// Reports a wake, before it. A wake that is not `by_ref` consumes the waker, and is not
    /// reported as a drop as well.
    #[inline(always)]
    pub(crate) fn woken(&self, by_ref: bool) {
        self.report(if by_ref {
            "waker.wake_by_ref"
        } else {
            "waker.wake"
        });
    }

    #[inline(always)]
    fn report(&self, op: &'static str) {
        let id = self.id.load(Ordering::Relaxed);
        if id != 0 {
            event(op, id);
        }
    }
}

/// Guard for a poll.
#[must_use]
pub(crate) struct Entered(Option<Box<SafeSpan>>);

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.exit();
        }
    }
}

/// Guard for the future of a `block_on`.
#[must_use]
pub(crate) struct Main<'a>(&'a Task);

impl Drop for Main<'_> {
    fn drop(&mut self) {
        self.0.id.store(0, Ordering::Relaxed);
        drop(self.0.span.take());
    }
}

/// A closure for the blocking pool. Moves to another thread.
pub(crate) struct Closure(Option<SafeSpan>);

impl Closure {
    /// A closure that is not shown.
    pub(crate) fn hidden() -> Closure {
        Closure(None)
    }

    pub(crate) fn new(id: u64, size: usize, location: &'static Location<'static>) -> Closure {
        Closure(task("blocking", None, id, size, location))
    }

    /// Reports that the closure runs on this thread, until the returned guard is dropped.
    pub(crate) fn enter(self) -> Work {
        if let Some(span) = &self.0 {
            span.enter();
        }
        Work(self.0)
    }
}

/// Guard for a closure that runs.
#[must_use]
pub(crate) struct Work(Option<SafeSpan>);

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(span) = &self.0 {
            span.exit();
        }
    }
}

/// Makes the span of a task. It has no parent, because it would keep the parent open as long as the
/// task lives.
#[inline(always)]
fn task(
    kind: &'static str,
    name: Option<&str>,
    id: u64,
    size: usize,
    location: &'static Location<'static>,
) -> Option<SafeSpan> {
    SafeSpan::new(|| {
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

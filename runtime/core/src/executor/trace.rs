//! Functions of the public module `trace` that use the recorder of the calling thread.

use std::marker::PhantomData;

use super::{Executor, current};
use crate::context;
use crate::trace::{Cursor, Level, Snapshot, Started};

#[track_caller]
fn with<R>(what: &str, f: impl FnOnce(&Executor) -> R) -> R {
    match current::try_with(f) {
        Some(result) => result,
        None => panic!(
            "`trace::{what}` was called outside a Wakeful runtime: call it inside \
             `wakeful::block_on`, or in `Runtime::enter`"
        ),
    }
}

/// Sets the level at which this thread's runtime records from now on.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// use wakeful::trace::{self, Level};
///
/// wakeful::block_on(async {
///     trace::set_level(Level::Wakes);
///     wakeful::task::yield_now().await;
///     trace::set_level(Level::Off);
///     assert!(trace::snapshot().to_string().contains("main wakes main"));
/// });
/// ```
#[track_caller]
pub fn set_level(level: Level) {
    with("set_level", |executor| {
        let running = executor.running.get().or_else(|| {
            // Inside the loop, but in no task: the main task runs.
            executor.main.get().filter(|_| context::is_running())
        });
        // SAFETY: a running task is alive.
        let running = running.map(|task| unsafe { (*task.as_ptr()).trace.key() });
        executor.trace.set_level(level, running);
    });
}

/// Sets the largest number of events that this thread's runtime records in a second, roughly; 0 for
/// no limit.
///
/// A busy loop makes millions of events a second, and the ring keeps only the newest milliseconds
/// of them. With a limit it keeps many seconds: in each 100 ms the first events are recorded in
/// full, and the rest are only counted. There is an event [`Gap`](crate::trace::Kind::Gap) for the
/// time without events, and a [`Sum`](crate::trace::Kind::Sum) for each of the 64 tasks that ran
/// longest in it. Stalls, polls and waits of more than a millisecond, and timers that are late by 5
/// ms are recorded in any case, up to four times as many. The events of other threads are not
/// limited.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// use wakeful::trace::{self, Kind, Level};
///
/// wakeful::block_on(async {
///     trace::set_level(Level::Wakes);
///     trace::set_rate(2_000);
///     for _ in 0..1_000 {
///         wakeful::task::yield_now().await;
///     }
///     let snapshot = trace::snapshot();
///     let mut events = snapshot.events().iter();
///     assert!(events.any(|event| matches!(event.kind, Kind::Gap { n: 1.., .. })));
///     assert!(snapshot.totals().counts.wakes >= 1_000);
/// });
/// ```
#[track_caller]
pub fn set_rate(events_per_second: u32) {
    with("set_rate", |executor| {
        executor.trace.set_rate(events_per_second)
    });
}

/// Returns the level at which this thread's runtime records.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// use wakeful::trace::{self, Level};
///
/// assert_eq!(wakeful::block_on(async { trace::level() }), Level::Off);
/// ```
#[track_caller]
pub fn level() -> Level {
    with("level", |executor| executor.trace.level())
}

/// Returns what this thread's runtime has recorded so far. The recording continues.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// let lost = wakeful::block_on(async { wakeful::trace::snapshot().lost() });
/// assert_eq!(lost, 0);
/// ```
#[track_caller]
pub fn snapshot() -> Snapshot {
    with("snapshot", |executor| executor.trace.snapshot())
}

/// Returns what this thread's runtime has recorded since the last call with this cursor, at most
/// `most` events, the oldest first, and advances the cursor. For watching a running program.
///
/// It differs from [`snapshot`]:
///
/// - Times count from the creation of the runtime, so that all parts of a trace have one axis.
/// - [`Snapshot::lost`] counts the events that were overwritten before this cursor reached them.
/// - [`Snapshot::tasks`] has the tasks of the new events. The first part, and one after a loss or
///   with a gap, also has all tasks that are alive, and up to 200 that have ended meanwhile: other
///   known tasks have ended. See [`Snapshot::is_complete`]. A task is identified by its
///   [`id`](crate::trace::Task::id); its index changes.
/// - A poll that has not ended yet is reported when it has, with the time at which it began, which
///   may be before that of events that were reported earlier.
///
/// A cursor that was used with another runtime starts from the beginning. A limit of 0 counts as 1.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// use wakeful::trace::{self, Cursor, Level};
///
/// wakeful::block_on(async {
///     trace::set_level(Level::Wakes);
///     let mut cursor = Cursor::new();
///     loop {
///         wakeful::task::yield_now().await;
///         let news = trace::snapshot_since(&mut cursor, 1000);
///         print!("{news}");
///         if !news.events().is_empty() {
///             break;
///         }
///     }
/// });
/// ```
#[track_caller]
pub fn snapshot_since(cursor: &mut Cursor, most: usize) -> Snapshot {
    with("snapshot_since", |executor| {
        executor.trace.snapshot_since(cursor, most)
    })
}

/// Records a mark in the trace of this thread's runtime, with the running task. Outside a runtime,
/// or if nothing is recorded, it does nothing.
///
/// ```
/// use wakeful::trace::{self, Level};
///
/// wakeful::block_on(async {
///     trace::set_level(Level::Polls);
///     trace::mark("here");
///     assert!(trace::snapshot().to_string().contains("main marks \"here\""));
/// });
/// ```
pub fn mark(name: &'static str) {
    current::try_with(|executor| executor.trace.mark(name));
}

/// Begins a span, which is recorded when it is dropped.
///
/// It may be held across an await, and belongs to the task that began it.
///
/// ```
/// use wakeful::trace::{self, Level};
///
/// wakeful::block_on(async {
///     trace::set_level(Level::Polls);
///     let span = trace::span("work");
///     wakeful::task::yield_now().await;
///     drop(span);
///     assert!(trace::snapshot().to_string().contains("main goes through \"work\""));
/// });
/// ```
#[must_use = "the span ends when it is dropped"]
pub fn span(name: &'static str) -> Span {
    Span {
        name,
        started: current::try_with(|executor| executor.trace.start()).flatten(),
        thread: PhantomData,
    }
}

/// A span of time, from the call of [`span`] to its drop. It stays on its thread.
#[derive(Debug)]
pub struct Span {
    name: &'static str,
    started: Option<Started>,
    thread: PhantomData<*const ()>,
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(started) = self.started {
            current::try_with(|executor| executor.trace.span(self.name, started));
        }
    }
}

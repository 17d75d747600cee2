//! What users say to the recorder of their thread. The public module `trace` lists it.

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

/// Sets what this thread's runtime records from now on.
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
            // Inside the loop, but in no task: that is the future of `block_on`.
            executor.main.get().filter(|_| context::is_running())
        });
        // SAFETY: a task that runs is alive.
        let running = running.map(|task| unsafe { (*task.as_ptr()).trace.key() });
        executor.trace.set_level(level, running);
    });
}

/// What this thread's runtime records now.
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

/// What this thread's runtime has recorded, as it is now. The recording goes on.
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

/// What this thread's runtime has recorded since the cursor's last call, at most `most` events, the
/// oldest first; the cursor moves on. For those who watch a program that runs.
///
/// It differs from [`snapshot`]:
///
/// - Times count from the making of the runtime, so that all parts of a trace have one axis.
/// - [`Snapshot::lost`] is what was overwritten before this reader came to it.
/// - [`Snapshot::tasks`] has the tasks that the new events speak of. The first part, and one after a
///   loss, has also all that are alive: others that were known have ended. A task is known by its [`id`](crate::trace::Task::id), its place changes.
/// - A poll that still goes on is told when it has ended, with the time of its beginning, which may
///   be before events that were told earlier.
///
/// A cursor that comes from another runtime begins anew. A limit of zero is one of one.
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

/// Puts a mark into the trace of this thread's runtime, with the task that runs. Outside a runtime,
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

/// Begins a span, which is put into the trace as [`mark`] does when the answer is dropped.
///
/// It may be held across an await; it belongs to the task that began it.
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

/// A span of time, from [`span`] to its drop. It stays on its thread.
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

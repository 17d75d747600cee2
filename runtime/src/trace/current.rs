//! The recorder of the calling thread, and what users say to it.

use std::cell::Cell;
use std::ptr::NonNull;

use super::record::Code;
use super::shared::Shared;
use super::{Level, Snapshot};

thread_local! {
    static CURRENT: Cell<Option<NonNull<Shared>>> = const { Cell::new(None) };
}

/// Calls `f` with the recorder set as the thread's own. It takes a closure, not a guard, as a
/// forgotten guard would leave the pointer behind.
pub(super) fn enter<R>(shared: &Shared, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<NonNull<Shared>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(NonNull::from(shared))));
    f()
}

fn try_with<R>(f: impl FnOnce(&Shared) -> R) -> Option<R> {
    // SAFETY: `enter` borrows what the pointer says for as long as it is set; only this thread
    // reads it, and it is the recorder's owner.
    CURRENT.get().map(|shared| f(unsafe { shared.as_ref() }))
}

#[track_caller]
fn with<R>(what: &str, f: impl FnOnce(&Shared) -> R) -> R {
    match try_with(f) {
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
    with("set_level", |shared| shared.set_level(level));
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
    with("level", Shared::level)
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
    with("snapshot", Snapshot::take)
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
    try_with(|shared| {
        if shared.wants(Level::Polls) {
            let name = shared.name(name);
            shared.push(Code::Mark, 0, 0, shared.running().word(), name);
        }
    });
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
    let began = try_with(|shared| {
        let wants = shared.wants(Level::Polls);
        wants.then(|| (shared.number, shared.now(), shared.running().word()))
    });
    Span {
        name,
        began: began.flatten(),
        thread: std::marker::PhantomData,
    }
}

/// A span of time, from [`span`] to its drop. It stays on its thread.
#[derive(Debug)]
pub struct Span {
    name: &'static str,
    /// Recorder, stamp and task.
    began: Option<(u64, u64, u64)>,
    thread: std::marker::PhantomData<*const ()>,
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some((number, began, task)) = self.began else {
            return;
        };
        try_with(|shared| {
            if shared.number == number && shared.wants(Level::Polls) {
                let stamps = shared.now().saturating_sub(began);
                let name = shared.name(self.name);
                shared.push_at(began, Code::Span, 0, stamps, task, name);
            }
        });
    }
}

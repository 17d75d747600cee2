//! Which executor the calling thread is in.

use std::cell::Cell;
use std::ptr::NonNull;

use super::Executor;
use crate::task::NO_RUNTIME;

thread_local! {
    // Without a destructor, so that it costs one load and may be read while a thread winds down.
    static CURRENT: Cell<Option<NonNull<Executor>>> = const { Cell::new(None) };
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f` with the executor set as the thread's own. Nests; a panic restores as well.
///
/// It takes a closure, not a guard, as a forgotten guard would leave the pointer behind.
pub(crate) fn enter<R>(executor: &Executor, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<NonNull<Executor>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(NonNull::from(executor))));
    f()
}

/// Calls `f`, which is called `what` by the user, as the one loop that runs on this thread.
///
/// # Panics
///
/// If a loop runs on this thread already.
#[track_caller]
pub(crate) fn run<R>(what: &str, f: impl FnOnce() -> R) -> R {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(false);
        }
    }
    assert!(
        !RUNNING.replace(true),
        "`{what}` was called inside a Wakeful runtime: the loop of this thread can't wait for \
         another one. Use `.await`, or `wakeful::spawn` the future, or move the call into \
         `wakeful::spawn_blocking`"
    );
    let _restore = Restore;
    f()
}

/// Does a loop run on this thread?
#[allow(dead_code, reason = "for the trace")]
pub(super) fn is_running() -> bool {
    RUNNING.get()
}

/// Calls `f` with the thread's executor, if there is one.
#[inline(always)]
pub(crate) fn try_with<R>(f: impl FnOnce(&Executor) -> R) -> Option<R> {
    // SAFETY: the pointer comes from a reference that `enter` borrows for as long as it is set.
    // Only this thread reads it.
    CURRENT
        .get()
        .map(|executor| f(unsafe { executor.as_ref() }))
}

/// Calls `f` with the thread's executor.
///
/// # Panics
///
/// If there is none.
#[inline(always)]
#[track_caller]
pub(crate) fn with<R>(f: impl FnOnce(&Executor) -> R) -> R {
    match try_with(f) {
        Some(result) => result,
        None => panic!("{NO_RUNTIME}"),
    }
}

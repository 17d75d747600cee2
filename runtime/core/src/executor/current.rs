//! The executor of the runtime that the calling thread is in.

use super::Executor;
use crate::context::{self, Part, Place};
use crate::task::{NO_RUNTIME, RUNTIME_ENDED};

// SAFETY: no other type has this place.
unsafe impl Part for Executor {
    const PLACE: Place = Place::Executor;
}

/// Calls `f` with the executor of this thread, if there is one and it has not ended. `f` may run
/// user code.
#[inline(always)]
pub(crate) fn try_with<R>(f: impl FnOnce(&Executor) -> R) -> Option<R> {
    context::with(|executor: &Executor| (!executor.is_released()).then(|| f(executor))).flatten()
}

/// Calls `f` with the executor of this thread.
///
/// # Panics
///
/// If there is none, or it has ended.
#[inline(always)]
#[track_caller]
pub(crate) fn with<R>(f: impl FnOnce(&Executor) -> R) -> R {
    match try_with(f) {
        Some(result) => result,
        None => none(),
    }
}

/// Panics because there is no executor on this thread, or it has ended.
#[cold]
#[track_caller]
pub(super) fn none() -> ! {
    match context::current() {
        Some(_) => panic!("{RUNTIME_ENDED}"),
        None => panic!("{NO_RUNTIME}"),
    }
}

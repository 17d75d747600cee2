//! The reactor of this thread's current runtime.

use std::rc::Rc;

use super::Reactor;
use crate::context::{self, Part, Place};
use crate::task::NO_RUNTIME;

// SAFETY: no other type has this place in a context.
unsafe impl Part for Rc<Reactor> {
    const PLACE: Place = Place::Reactor;
}

/// Returns the thread's reactor, if there is one.
#[inline(always)]
pub(crate) fn get() -> Option<Rc<Reactor>> {
    // SAFETY: cloning an `Rc` runs no user code.
    unsafe { context::peek(Rc::<Reactor>::clone) }
}

/// Calls `f` with the thread's reactor, if there is one. `f` may run user code.
#[inline]
pub(crate) fn try_with<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> Option<R> {
    context::with(f)
}

/// Calls `f` with the thread's reactor.
///
/// # Panics
///
/// If there is none.
#[inline]
#[track_caller]
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> R {
    match try_with(f) {
        Some(result) => result,
        None => none(),
    }
}

/// Panics because the thread has no reactor.
#[cold]
#[track_caller]
pub(crate) fn none() -> ! {
    panic!("{NO_RUNTIME}")
}

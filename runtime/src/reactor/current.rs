//! The reactor of the calling thread.

use std::cell::RefCell;
use std::rc::Rc;

use super::Reactor;
use crate::task::NO_RUNTIME;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Reactor>>> = const { RefCell::new(None) };
}

/// Restores the previous reactor when dropped.
pub(crate) struct Guard(Option<Rc<Reactor>>);

/// Makes `reactor` the thread's own. On a thread that winds down it does nothing: a runtime kept in
/// a thread-local may be dropped after `CURRENT` is gone.
pub(crate) fn enter(reactor: Rc<Reactor>) -> Guard {
    let previous = CURRENT.try_with(|current| current.replace(Some(reactor)));
    Guard(previous.ok().flatten())
}

impl Drop for Guard {
    fn drop(&mut self) {
        let previous = self.0.take();
        // A thread that winds down has no reactor left to restore.
        let _ = CURRENT.try_with(|current| current.replace(previous));
    }
}

/// Calls `f` with the thread's reactor, if there is one.
#[inline]
pub(crate) fn try_with<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> Option<R> {
    CURRENT
        .try_with(|current| current.borrow().as_ref().map(f))
        .ok()
        .flatten()
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

/// There is none.
#[cold]
#[track_caller]
pub(crate) fn none() -> ! {
    panic!("{NO_RUNTIME}")
}

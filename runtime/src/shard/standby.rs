//! A task of a shard, or the future of its `block_on`, that waits until something on its own thread calls it.

use std::cell::RefCell;
use std::task::Waker;

/// How it is called. The task is always the same one.
#[derive(Default)]
pub(super) struct Standby(RefCell<Option<Waker>>);

impl Standby {
    /// From now on it can be called.
    #[inline]
    pub(super) fn stand_by(&self, waker: &Waker) {
        let mut known = self.0.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            // A waker of this runtime: to clone and to drop it is no affair of users.
            *known = Some(waker.clone());
        }
    }

    #[inline]
    pub(super) fn call(&self) {
        if let Some(waker) = &*self.0.borrow() {
            waker.wake_by_ref();
        }
    }
}

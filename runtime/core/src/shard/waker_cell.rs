//! A task of a shard, or the future of its `block_on`, that waits until something on its own thread calls it.

use std::cell::Cell;
use std::task::Waker;

/// How it is called. The task is always the same one.
///
/// The waker is one of this runtime. But with the feature `console` a subscriber, which is user code, is
/// called when it is cloned, dropped or wakes; so nothing is borrowed then.
#[derive(Default)]
pub(super) struct Standby(Cell<Option<Waker>>);

impl Standby {
    /// From now on it can be called: what it waits for has to be looked at after this.
    #[inline]
    pub(super) fn stand_by(&self, waker: &Waker) {
        let known = self.0.take();
        if known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return self.0.set(known);
        }
        self.0.set(Some(waker.clone()));
        drop(known);
    }

    #[inline]
    pub(super) fn call(&self) {
        let Some(waker) = self.0.take() else {
            return;
        };
        waker.wake_by_ref();
        // What was stored during the wake is the same task's.
        let newer = self.0.replace(Some(waker));
        drop(newer);
    }
}

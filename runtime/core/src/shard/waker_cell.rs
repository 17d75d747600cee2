//! Waker of one task, used on its own thread only.

use std::cell::Cell;
use std::task::Waker;

/// Cell with the waker of one task of a shard, or of the future of its `block_on`.
///
/// The waker belongs to our own runtime. But with the feature `console` a subscriber, which is user
/// code, runs when the waker is cloned, dropped or wakes; so nothing is borrowed then.
#[derive(Default)]
pub(super) struct WakerCell(Cell<Option<Waker>>);

impl WakerCell {
    /// Stores the waker, always of the same task. The task has to check what it waits for after
    /// this, not before.
    #[inline]
    pub(super) fn register(&self, waker: &Waker) {
        let known = self.0.take();
        if known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return self.0.set(known);
        }
        self.0.set(Some(waker.clone()));
        drop(known);
    }

    /// Wakes the task, if it has registered.
    #[inline]
    pub(super) fn wake(&self) {
        let Some(waker) = self.0.take() else {
            return;
        };
        waker.wake_by_ref();
        // A waker stored during the wake belongs to the same task.
        let newer = self.0.replace(Some(waker));
        drop(newer);
    }
}

//! Place for the waker of one waiter.
//!
//! A waker may run user code when it is cloned, dropped or woken, and that code may use the same
//! primitive. So [`poll`](WakerSlot::poll) clones before it tests the condition for the last time,
//! stores without running user code, and drops the previous waker at its end.
//!
//! With the feature `console` the slot also reports its waits to the subscriber: a new wait with
//! the clone, its end with the result.

use std::cell::Cell;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::label::Label;
use super::waits;
use crate::console::{Op, What};
use crate::executor::{ClassQueue, current};
use crate::task::waker::wake_own;
use crate::trace;
use crate::unwind::catch_panic;

/// Place for the waker of one waiter. It is at a fixed address while it holds a waker: in a pinned
/// future or in an allocation.
pub(crate) struct WakerSlot<S = ()> {
    waker: Cell<Option<Waker>>,
    /// Place of the entry in the record of waits; 0 if there is none.
    entry: Cell<u32>,
    /// State of the owner of the slot, which fits into the padding.
    pub(super) state: Cell<S>,
    /// The wait, for the console.
    op: Op,
}

impl WakerSlot {
    #[inline(always)]
    pub(crate) const fn new() -> WakerSlot {
        WakerSlot::with_state(())
    }
}

impl<S> WakerSlot<S> {
    pub(crate) const fn with_state(state: S) -> WakerSlot<S> {
        WakerSlot {
            waker: Cell::new(None),
            entry: Cell::new(0),
            state: Cell::new(state),
            op: Op::new(),
        }
    }

    /// Returns what `attempt` returns, or stores the waker if it returns nothing.
    ///
    /// `attempt` runs no user code, or leaves the primitive in a state in which any of its methods
    /// may be called. It is called a second time if the waker has to be cloned. `store` is called
    /// just before the waker is stored, and runs no user code.
    ///
    /// # Safety
    ///
    /// The slot stays at its address until it is dropped or its waker is taken.
    #[inline]
    pub(crate) unsafe fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        label: &Label,
        mut attempt: impl FnMut() -> Option<R>,
        store: impl FnOnce(),
    ) -> Poll<R> {
        if let Some(result) = attempt() {
            self.served(label);
            return Poll::Ready(result);
        }
        // SAFETY: the contract is the same.
        unsafe { self.wait(cx, label, attempt, store) }
    }

    /// As [`poll`](Self::poll), after an attempt that has returned nothing.
    ///
    /// # Safety
    ///
    /// As for [`poll`](Self::poll).
    #[inline]
    pub(crate) unsafe fn wait<R>(
        &self,
        cx: &mut Context<'_>,
        label: &Label,
        mut attempt: impl FnMut() -> Option<R>,
        store: impl FnOnce(),
    ) -> Poll<R> {
        if let Some(old) = self.waker.take() {
            let same = old.will_wake(cx.waker());
            let old = self.waker.replace(Some(old));
            debug_assert!(old.is_none(), "nothing runs between the two lines");
            if same {
                store();
                self.op.waits(label.resource(), What::Served, || ());
                return Poll::Pending;
            }
        }
        let clone = || cx.waker().clone();
        let new = self.op.waits(label.resource(), What::Served, clone);
        if let Some(result) = attempt() {
            // What the waiter has got would be lost if the drop of the clone panicked.
            catch_panic(|| drop(new));
            self.served(label);
            return Poll::Ready(result);
        }
        store();
        let old = self.waker.replace(Some(new));
        if waits::is_watched() && self.entry.get() == 0 {
            self.entry
                .set(waits::insert(NonNull::from(&self.waker), label));
        }
        if trace::RECORDS {
            record_wait(label);
        }
        drop(old);
        Poll::Pending
    }

    /// Reports to the console that the wait has ended, for a poll that is ready without
    /// [`poll`](Self::poll). The subscriber is user code; its panics are caught.
    #[inline(always)]
    pub(crate) fn served(&self, label: &Label) {
        self.op.ready(label.resource_if_made(), What::Served);
    }

    /// Reports to the console that the waiter has given up. The subscriber is user code; its panics
    /// are caught.
    #[inline(always)]
    pub(crate) fn given_up(&self) {
        self.op.end();
    }

    /// Whether there is no waker.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        // SAFETY: the reference ends in this line, and nothing else runs meanwhile.
        unsafe { &*self.waker.as_ptr() }.is_none()
    }

    /// Takes the waker. The caller wakes or drops it with nothing borrowed.
    #[inline]
    pub(crate) fn take(&self) -> Option<Waker> {
        if self.entry.get() != 0 {
            waits::remove(self.entry.take());
        }
        self.waker.take()
    }

    /// Takes the waker and wakes it. A panic of the waker is caught.
    #[inline]
    pub(crate) fn wake(&self, label: &Label) {
        if let Some(waker) = self.take() {
            wake(waker, label);
        }
    }
}

impl<S> Drop for WakerSlot<S> {
    #[inline]
    fn drop(&mut self) {
        // The field is dropped after this.
        if self.entry.get() != 0 {
            waits::remove(self.entry.take());
        }
    }
}

/// Wakes a waiter of the primitive with that label. A panic of the waker is caught, so that the
/// other waiters are woken as well.
#[inline]
pub(crate) fn wake(waker: Waker, label: &Label) {
    let _through = trace::through(label.kind.as_str(), label.location);
    // A waker of this runtime does not panic.
    if let Err(foreign) = wake_own::<ClassQueue>(waker) {
        wake_foreign(foreign);
    }
}

#[cold]
#[inline(never)]
fn wake_foreign(waker: Waker) {
    catch_panic(|| waker.wake());
}

/// Records in the trace that the running task waits.
#[cold]
#[inline(never)]
fn record_wait(label: &Label) {
    let (kind, made_at) = (label.kind.as_str(), label.location);
    current::try_with(|executor| executor.trace.waits(kind, made_at));
}

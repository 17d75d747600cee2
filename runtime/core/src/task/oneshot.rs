//! Channel for one result from another thread, which may report that there is none.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::waker::wake_catching_panics;
use crate::primitives::{Arc, Mutex, MutexGuard};

/// Why there is no result.
pub(crate) enum Missing {
    /// What should have sent it panicked.
    Panicked(Box<dyn Any + Send>),
    /// The sender was dropped without a result.
    Dropped,
}

enum Slot<T> {
    Waiting(Option<Waker>),
    Full(Result<T, Missing>),
    /// The result was taken, or the receiver was dropped.
    Abandoned,
}

type Shared<T> = Arc<Mutex<Slot<T>>>;

/// Creates a channel. The receiver is a future of the result.
pub(crate) fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(Slot::Waiting(None)));
    (Sender(shared.clone()), Receiver(shared))
}

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, Slot<T>> {
    // Nothing that can panic runs under the lock.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends the result. Dropping it without a result sends [`Missing::Dropped`].
pub(crate) struct Sender<T>(Shared<T>);

impl<T> Sender<T> {
    /// Sends the result.
    pub(crate) fn fill(self, result: Result<T, Missing>) {
        self.put(result);
    }

    /// Whether the receiver was dropped or has the result.
    pub(crate) fn is_abandoned(&self) -> bool {
        matches!(*lock(&self.0), Slot::Abandoned)
    }

    fn put(&self, result: Result<T, Missing>) {
        let mut slot = lock(&self.0);
        let Slot::Waiting(waker) = &mut *slot else {
            // Already filled, or abandoned. The result is dropped without the lock.
            drop(slot);
            return drop(result);
        };
        let waker = waker.take();
        *slot = Slot::Full(result);
        drop(slot);
        if let Some(waker) = waker {
            wake_catching_panics(waker);
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.put(Err(Missing::Dropped));
    }
}

/// The future of the result. Dropping it abandons the result.
pub(crate) struct Receiver<T>(Shared<T>);

impl<T> Receiver<T> {
    /// Whether the result has arrived or has been taken already.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(*lock(&self.0), Slot::Waiting(_))
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Missing>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let is_known = match &*lock(&self.0) {
            Slot::Waiting(known) => known
                .as_ref()
                .is_some_and(|known| known.will_wake(cx.waker())),
            Slot::Full(_) | Slot::Abandoned => true,
        };
        // The waker may be foreign: its clone and its drop may run user code, so not under the
        // lock.
        let new = (!is_known).then(|| cx.waker().clone());
        let mut slot = lock(&self.0);
        if let Slot::Waiting(known) = &mut *slot {
            let old = new.and_then(|new| known.replace(new));
            drop(slot);
            drop(old);
            return Poll::Pending;
        }
        drop(slot);
        // Before the result is taken out: if this panics, the result stays for the next poll.
        drop(new);
        let taken = std::mem::replace(&mut *lock(&self.0), Slot::Abandoned);
        match taken {
            Slot::Full(result) => Poll::Ready(result),
            Slot::Waiting(_) => unreachable!("the slot is not `Waiting`, as checked above"),
            Slot::Abandoned => panic!("a result was polled after it was taken"),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let unwanted = std::mem::replace(&mut *lock(&self.0), Slot::Abandoned);
        drop(unwanted);
    }
}

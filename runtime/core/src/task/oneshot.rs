//! One result, handed from another thread to a future, or the news that it will not come.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::waker::wake_catching_panics;
use crate::primitives::{Arc, Mutex, MutexGuard};

/// Why there is no result.
pub(crate) enum Missing {
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
    /// It was given up before it began or before it ended.
    Dropped,
}

enum Slot<T> {
    Waiting(Option<Waker>),
    Full(Result<T, Missing>),
    /// Taken, or nobody waits for it any more.
    Abandoned,
}

type Shared<T> = Arc<Mutex<Slot<T>>>;

/// A pair: one side fills in the result, the other is a future of it.
pub(crate) fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(Slot::Waiting(None)));
    (Sender(shared.clone()), Receiver(shared))
}

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, Slot<T>> {
    // Nothing that can panic runs under the lock.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fills in the result. Dropped without one, it says so to the other side.
pub(crate) struct Sender<T>(Shared<T>);

impl<T> Sender<T> {
    pub(crate) fn fill(self, result: Result<T, Missing>) {
        self.put(result);
    }

    /// Does nobody wait for the result any more?
    pub(crate) fn is_abandoned(&self) -> bool {
        matches!(*lock(&self.0), Slot::Abandoned)
    }

    fn put(&self, result: Result<T, Missing>) {
        let mut slot = lock(&self.0);
        let Slot::Waiting(waker) = &mut *slot else {
            // Already filled, or abandoned. An unwanted result is dropped without the lock.
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
    /// Is the result there, or has it been taken already?
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
        // It may be anyone's, and its clone and its drop may do anything: not under the lock.
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
            Slot::Waiting(_) => unreachable!("it was not waiting a moment ago"),
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

//! Wake of one waiting thread by others, at most once for each wait.
//!
//! The waiting side stores its waker, sets the armed flag, and checks once more for what it waits
//! for; only if that is missing does it sleep. The other side makes its change, then checks the
//! flag; if it is armed, it disarms it and calls the waker.
//!
//! No wake is lost. Both sides have a full fence between their two steps, so the two fences have
//! one order. If the arming comes first, the other side sees the flag armed; if the change comes
//! first, the check after the arming sees it. All changes of the flag are read-modify-writes, so
//! they have one order as well, and a late disarming can't overwrite a later arming unnoticed.
//!
//! No wake is superfluous: the side that disarms the flag wakes, and only the waiting side arms it
//! again. Consecutive notifications coalesce into one wake; with no waiter a notification costs a
//! fence and a load.

use std::sync::PoisonError;
use std::task::Waker;

use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::primitives::{Mutex, MutexGuard};
use crate::task::waker::wake_quietly;

/// Flag and waker of one waiting side. Cache-line aligned, as each message reads the flag.
#[repr(align(128))]
pub(crate) struct Notify {
    armed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Notify {
    /// Makes one without a waiter.
    pub(crate) fn new() -> Notify {
        Notify {
            armed: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        // Nothing that can panic runs under the lock.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the waker and arms the flag. The caller has to check once more after this for what it
    /// waits for. One waiter at a time.
    pub(crate) fn prepare_wait(&self, waker: &Waker) {
        // A foreign waker runs user code when it is cloned or dropped, so neither happens under the
        // lock.
        let known = self.lock().as_ref().is_some_and(|old| old.will_wake(waker));
        if !known {
            let waker = waker.clone();
            let old = self.lock().replace(waker);
            drop(old);
        }
        self.armed.swap(true, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// Disarms the flag, when the check after [`prepare_wait`](Self::prepare_wait) has succeeded.
    pub(crate) fn cancel_wait(&self) {
        self.armed.swap(false, Ordering::AcqRel);
    }

    /// Wakes the waiter, if there is one. To be called after the change that it waits for.
    #[inline]
    pub(crate) fn notify(&self) {
        fence(Ordering::SeqCst);
        if self.armed.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        if !self.armed.swap(false, Ordering::AcqRel) {
            return;
        }
        let waker = self.lock().take();
        if let Some(waker) = waker {
            // The waker may be user code; its panic is caught so that the notifier can continue.
            wake_quietly(waker);
        }
    }
}

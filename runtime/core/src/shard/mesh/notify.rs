//! How one thread waits for something that another does: a wake across threads, at most one a wait.
//!
//! The one that waits leaves its waker, arms the bell, and looks once more for what it waits for; only
//! if that is not there does it go to sleep. The other one does what is waited for, and then looks at
//! the bell: if it is armed, it disarms it and wakes.
//!
//! No wake is lost. On both sides a full fence stands between the two steps, so one of them comes
//! first for everyone: if the arming, then the other side sees the bell armed; if the deed, then the
//! look after the arming sees that. The bell is changed by read-modify-writes alone, so its changes have
//! one order, and one that comes late does not undo a later arming unseen.
//!
//! There is no wake too many: who disarms the bell wakes, and it is armed again only by the one that
//! waits. Many deeds in a row are one wake, and while nobody waits a deed costs a fence and a load.

use std::sync::PoisonError;
use std::task::Waker;

use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::primitives::{Mutex, MutexGuard};
use crate::task::waker::wake_catching_panics;

/// On a line of its own: it is looked at with every message.
#[repr(align(128))]
pub(crate) struct Bell {
    armed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell {
            armed: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        // Nothing that can panic runs under the lock.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that waits is about to: it has to look once more now. One waiter at a time.
    pub(crate) fn arm(&self, waker: &Waker) {
        // A waker may be anyone's, so it is neither cloned nor dropped under the lock.
        let known = self.lock().as_ref().is_some_and(|old| old.will_wake(waker));
        if !known {
            let waker = waker.clone();
            let old = self.lock().replace(waker);
            drop(old);
        }
        self.armed.swap(true, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// The one that waits does not: it found what it looked for.
    pub(crate) fn disarm(&self) {
        self.armed.swap(false, Ordering::AcqRel);
    }

    /// Something was done that the other one may wait for.
    #[inline]
    pub(crate) fn ring(&self) {
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
            // It is the other side's, and may be anyone's: its panic is not for this one, who has more to do.
            wake_catching_panics(waker);
        }
    }
}

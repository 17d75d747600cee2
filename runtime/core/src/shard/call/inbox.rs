//! What any shard sends to one, without a limit of its own.
//!
//! Its end is that of a receiver in `link.rs`: the one that takes says that it has gone and empties the
//! queue; who sends looks for that after the push, and if it is so empties the queue as well. A fence on
//! both sides lets one of the two see the other.

use crate::primitives::Queue;
use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::unwind::catch_panic;

pub(crate) struct Inbox<T> {
    queue: Queue<T>,
    gone: AtomicBool,
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Inbox<T> {
        Inbox {
            queue: Queue::new(),
            gone: AtomicBool::new(false),
        }
    }

    /// Sends a message, and tells the one that takes. If that has gone, the message is dropped.
    pub(crate) fn push(&self, message: T, tell: impl FnOnce()) {
        self.queue.push(message);
        tell();
        fence(Ordering::SeqCst);
        if self.gone.load(Ordering::Relaxed) {
            self.empty();
        }
    }

    /// For the model that shows what the look after a push is for.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn push_unseen(&self, message: T) {
        self.queue.push(message);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    /// Nothing is taken any more. What is there is dropped, and what is sent from now on.
    pub(crate) fn close(&self) {
        self.gone.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.empty();
    }

    #[cold]
    fn empty(&self) {
        // What is dropped is the user's: one that panics leaves the others to be dropped all the same.
        while let Some(message) = self.queue.pop() {
            catch_panic(|| drop(message));
        }
    }
}

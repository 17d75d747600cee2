//! Unbounded queue from all shards to one.
//!
//! It closes as a receiver does in `mesh/queue.rs`: the receiver sets `closed` and empties the
//! queue; a sender checks `closed` after its push and, if it is set, empties the queue as well. A
//! full fence on both sides makes sure that one of them sees the other.

use crate::primitives::Queue;
use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::task::runnable::catch_panic;

/// Queue of messages that never refuses one.
pub(crate) struct Inbox<T> {
    queue: Queue<T>,
    closed: AtomicBool,
}

impl<T> Inbox<T> {
    /// Makes an empty queue.
    pub(crate) fn new() -> Inbox<T> {
        Inbox {
            queue: Queue::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Sends a message, then calls `notify`, which notifies the receiver. Drops the message if the
    /// receiver has closed.
    pub(crate) fn push(&self, message: T, notify: impl FnOnce()) {
        self.queue.push(message);
        notify();
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Relaxed) {
            self.drain();
        }
    }

    /// Pushes without checking `closed`, for the model that shows why `push` checks it.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn push_without_check(&self, message: T) {
        self.queue.push(message);
    }

    /// Takes the next message.
    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    /// Closes the queue for good. Drops the messages in it, and those that are sent from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.drain();
    }

    #[cold]
    fn drain(&self) {
        // The drop of a message is user code. If it panics, the other messages are dropped as well.
        while let Some(message) = self.queue.pop() {
            catch_panic(|| drop(message));
        }
    }
}

//! Bounded queue from one shard to another, used by one sender and one receiver.
//!
//! # Closing
//!
//! A side that closes sets its bit in `closed`. The receiver then empties the queue. A sender
//! checks `closed` after its push, and if the receiver has closed it empties the queue as well. A
//! full fence on both sides makes sure that one of them sees the other, so no message stays in the
//! queue, and none is dropped twice.
//!
//! A receiver that finds that the sender has closed checks the queue after that, so it receives all
//! that was sent before.

use crate::primitives::Bounded;
use crate::primitives::atomic::{AtomicU8, Ordering, fence};
use crate::shard::mesh::notify::Notify;
use crate::task::runnable::catch_panic;

const SENDER: u8 = 1 << 0;
const RECEIVER: u8 = 1 << 1;

/// Queue from one shard to another.
pub(crate) struct PairQueue<T> {
    queue: Bounded<T>,
    /// Which sides have closed.
    closed: AtomicU8,
    /// The sender's wait for space.
    pub(crate) not_full: Notify,
}

/// Why a message was refused. Has the message.
#[derive(Debug)]
pub(crate) enum PushError<T> {
    /// The queue is full.
    Full(T),
    /// The receiver has closed.
    Closed(T),
}

impl<T> PairQueue<T> {
    /// Makes a queue for `capacity` messages, which must not be 0.
    pub(crate) fn new(capacity: usize) -> PairQueue<T> {
        PairQueue {
            queue: Bounded::new(capacity),
            closed: AtomicU8::new(0),
            not_full: Notify::new(),
        }
    }

    /// Sends a message, then calls `notify`, which notifies the receiver. `notify` has to begin
    /// with a full fence, which also separates the push from the check of `closed`.
    #[inline]
    pub(crate) fn push(&self, message: T, notify: impl FnOnce()) -> Result<(), PushError<T>> {
        if self.closed.load(Ordering::Relaxed) & RECEIVER != 0 {
            return Err(PushError::Closed(message));
        }
        self.queue.push(message).map_err(PushError::Full)?;
        notify();
        if self.closed.load(Ordering::Relaxed) & RECEIVER != 0 {
            self.drain();
        }
        Ok(())
    }

    /// Pushes without checking `closed`, for the model that shows why `push` checks it.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn push_without_check(&self, message: T) -> Result<(), T> {
        self.queue.push(message)
    }

    /// Takes the next message. After one or several, the receiver calls
    /// [`notify_sender`](Self::notify_sender).
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    /// Whether the queue is full.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// Notifies the sender that there is space.
    #[inline]
    pub(crate) fn notify_sender(&self) {
        self.not_full.notify();
    }

    /// Whether the sender has closed. What it sent before may still be in the queue.
    pub(crate) fn is_sender_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) & SENDER != 0
    }

    /// Whether the receiver has closed.
    pub(crate) fn is_receiver_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) & RECEIVER != 0
    }

    /// Closes the sender's side: it sends nothing any more. `arrived` notifies the receiver.
    pub(crate) fn close_sender(&self, arrived: &Notify) {
        self.closed.fetch_or(SENDER, Ordering::AcqRel);
        arrived.notify();
    }

    /// Closes the receiver's side: it takes nothing any more. Drops the messages in the queue.
    pub(crate) fn close_receiver(&self) {
        self.closed.fetch_or(RECEIVER, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        self.drain();
        self.not_full.notify();
    }

    #[cold]
    fn drain(&self) {
        // The drop of a message is user code. If it panics, the other messages are dropped as well,
        // and the sender is notified.
        while let Some(message) = self.queue.pop() {
            catch_panic(|| drop(message));
        }
    }
}

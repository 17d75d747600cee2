//! The way from one shard to another: a bounded queue, used by one sender and one receiver.
//!
//! # The end
//!
//! A side that goes says so in `gone`. The receiver then empties the queue. A sender looks at `gone`
//! after it has pushed, and if the receiver has gone it empties the queue as well: a fence on both
//! sides lets one of the two see the other, so no message stays behind, and none is dropped twice.
//!
//! A receiver that finds that the sender has gone looks at the queue after that, so it gets what was
//! sent before.

use crate::primitives::Bounded;
use crate::primitives::atomic::{AtomicU8, Ordering, fence};

use crate::shard::mesh::notify::Bell;
use crate::unwind::catch_panic;

const SENDER: u8 = 1 << 0;
const RECEIVER: u8 = 1 << 1;

pub(crate) struct Link<T> {
    queue: Bounded<T>,
    gone: AtomicU8,
    /// The sender waits for room.
    pub(crate) room: Bell,
}

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum Refused<T> {
    Full(T),
    Gone(T),
}

impl<T> Link<T> {
    /// For so many messages; not 0.
    pub(crate) fn new(capacity: usize) -> Link<T> {
        Link {
            queue: Bounded::new(capacity),
            gone: AtomicU8::new(0),
            room: Bell::new(),
        }
    }

    /// Sends a message, and tells the receiver. What does that begins with a full fence, which is also the
    /// one between the push and the look at `gone`.
    #[inline]
    pub(crate) fn push(&self, message: T, tell: impl FnOnce()) -> Result<(), Refused<T>> {
        if self.gone.load(Ordering::Relaxed) & RECEIVER != 0 {
            return Err(Refused::Gone(message));
        }
        self.queue.push(message).map_err(Refused::Full)?;
        tell();
        if self.gone.load(Ordering::Relaxed) & RECEIVER != 0 {
            self.empty();
        }
        Ok(())
    }

    /// For the model that shows what the look after a push is for.
    #[cfg(all(test, any(loom, shuttle)))]
    pub(crate) fn push_unseen(&self, message: T) -> Result<(), T> {
        self.queue.push(message)
    }

    /// The next message. After one or several, the receiver says that it
    /// [made room](Self::made_room).
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        self.queue.pop()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    #[inline]
    pub(crate) fn made_room(&self) {
        self.room.ring();
    }

    /// Has the sender gone? What it sent before may still be there.
    pub(crate) fn is_over(&self) -> bool {
        self.gone.load(Ordering::Acquire) & SENDER != 0
    }

    /// Has the receiver gone?
    pub(crate) fn is_in_vain(&self) -> bool {
        self.gone.load(Ordering::Acquire) & RECEIVER != 0
    }

    /// The sender sends nothing any more.
    pub(crate) fn sender_goes(&self, arrived: &Bell) {
        self.gone.fetch_or(SENDER, Ordering::AcqRel);
        arrived.ring();
    }

    /// The receiver takes nothing any more. What is there is dropped.
    pub(crate) fn receiver_goes(&self) {
        self.gone.fetch_or(RECEIVER, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        self.empty();
        self.room.ring();
    }

    #[cold]
    fn empty(&self) {
        // A message may panic when it is dropped: the others are dropped all the same, and the bell is rung.
        while let Some(message) = self.queue.pop() {
            catch_panic(|| drop(message));
        }
    }
}

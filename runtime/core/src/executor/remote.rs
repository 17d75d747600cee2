//! Queue of messages from other threads to the loop, and the handshake by which the loop falls
//! asleep without missing a message.
//!
//! # The sleep handshake
//!
//! There is one flag. Each change of it is a read-modify-write, so all changes have one order.
//!
//! A sender pushes its message, then sets `PENDING`, and reads the previous value of the flag:
//! - awake: the loop will check the flag before it sleeps. Nothing to do, no syscall.
//! - `ASLEEP`, not yet `PENDING`: this sender notifies the reactor. No other sender does.
//! - `ASLEEP` and `PENDING`: another sender has notified, or is about to.
//!
//! Before it sleeps, the loop changes the flag from 0 to `ASLEEP`. If `PENDING` is set the change
//! fails, and the loop receives instead.
//!
//! No message is lost. The `PENDING` of a message comes either before the loop's change to
//! `ASLEEP`: then that change fails and the loop receives. Or it comes after it: then the sender
//! finds `ASLEEP` and notifies, unless an earlier sender has done so since. A notification that
//! comes before the wait begins ends that wait at once. The push happens before its `PENDING`
//! (release), which the loop sees (acquire) before it pops.
//!
//! The loop clears `PENDING` before it pops. A message that is sent meanwhile sets it again.
//!
//! After the wait the loop clears `ASLEEP`, so that senders stop paying for notifications.
//!
//! # Events
//!
//! An event says that there is something for the loop in another queue. It is a bit of the same
//! flag, set together with `PENDING` after the push into that queue, and cleared together with it
//! before the loop pops there. So the argument above holds for events as well, and an event takes
//! no space in this queue.
//!
//! # The end
//!
//! When the runtime ends, the loop sets `CLOSED` and empties the queue a last time. A sender that
//! finds `CLOSED` empties the queue itself: whichever of the two comes second finds the message.

use crate::primitives::Queue;
use crate::primitives::atomic::{AtomicU8, Ordering};

/// There is something to receive. Set by senders, cleared by the loop before it receives.
const PENDING: u8 = 1 << 0;
/// The loop sleeps, or is about to. Set and cleared by the loop. With `PENDING`: it was notified.
const ASLEEP: u8 = 1 << 1;
/// The loop will not receive again. Never cleared.
const CLOSED: u8 = 1 << 2;

/// Number of the first bit for events. Each kind has one bit.
const FIRST_EVENT: u32 = 3;

/// Maximum number of messages received at a time, before tasks run again.
const BATCH: usize = 256;

/// Queue of messages from other threads.
pub(crate) struct Remote<M> {
    queue: Queue<M>,
    flag: AtomicU8,
}

/// What a sender has to do after a push.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Sent {
    /// Nothing: the loop is awake, or being woken.
    Done,
    /// Notify the loop, which sleeps.
    Notify,
    /// Take the messages out and drop them: the runtime has ended.
    Closed,
}

impl<M> Remote<M> {
    /// Creates an empty queue, whose loop is awake.
    pub(crate) fn new() -> Remote<M> {
        Remote {
            queue: Queue::new(),
            flag: AtomicU8::new(0),
        }
    }

    /// Sends a message. Any thread.
    pub(crate) fn send(&self, message: M) -> Sent {
        self.queue.push(message);
        self.set_flag(PENDING)
    }

    /// Raises an event of a kind, 0 to 4. Any thread. After the end of the runtime it has no
    /// effect, and there is nothing to take out of this queue.
    pub(crate) fn raise(&self, kind: u32) -> Sent {
        self.set_flag(PENDING | 1 << (FIRST_EVENT + kind))
    }

    #[inline]
    fn set_flag(&self, bits: u8) -> Sent {
        let before = self.flag.fetch_or(bits, Ordering::AcqRel);
        if before & CLOSED != 0 {
            Sent::Closed
        } else if before == ASLEEP {
            Sent::Notify
        } else {
            Sent::Done
        }
    }

    /// Whether there is something to receive. This is a plain load, which may miss a message that
    /// was just sent; [`fall_asleep`](Self::fall_asleep) does not.
    #[inline(always)]
    pub(crate) fn is_pending(&self) -> bool {
        self.flag.load(Ordering::Relaxed) & PENDING != 0
    }

    /// Passes the messages that are in the queue now to `f`, at most [`BATCH`]. Messages that are
    /// sent meanwhile stay for the next call, so that busy senders can't keep the loop here.
    /// Returns the events, with one bit for each kind.
    pub(crate) fn receive(&self, mut f: impl FnMut(M)) -> u8 {
        let events = !0 << FIRST_EVENT;
        let before = self.flag.fetch_and(!(PENDING | events), Ordering::AcqRel);
        let there = self.queue.len();
        for _ in 0..there.min(BATCH) {
            match self.queue.pop() {
                Some(message) => f(message),
                None => break,
            }
        }
        if there > BATCH {
            self.flag.fetch_or(PENDING, Ordering::AcqRel);
        }
        before >> FIRST_EVENT
    }

    /// Announces that the loop is about to sleep. `false`: it must not, there is something to
    /// receive.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.flag
            .compare_exchange(0, ASLEEP, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Announces that the loop has returned from its wait.
    pub(crate) fn wake_up(&self) {
        self.flag.fetch_and(!ASLEEP, Ordering::AcqRel);
    }

    /// Announces that the loop will not receive again.
    pub(crate) fn close(&self) {
        self.flag.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Whether the queue is closed. Any thread.
    pub(crate) fn is_closed(&self) -> bool {
        self.flag.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes the next message, to empty a closed queue.
    pub(crate) fn pop(&self) -> Option<M> {
        self.queue.pop()
    }
}

//! What other threads send to the loop, and how the loop falls asleep without missing any of it.
//!
//! # The sleep handshake
//!
//! One flag decides, and everyone changes it by a read-modify-write, so all changes have one order.
//!
//! A sender pushes its message, then sets `PENDING`, and looks at what the flag was:
//! - awake: the loop will look at the flag before it sleeps. Nothing to do, no syscall.
//! - `ASLEEP`, not yet `PENDING`: this sender notifies the reactor. It is the only one to do so.
//! - `ASLEEP` and `PENDING`: another sender has notified, or is about to.
//!
//! The loop, before it sleeps, changes the flag from nothing to `ASLEEP`. If `PENDING` is set the
//! change fails, and it goes on to receive instead.
//!
//! No message is lost: take any message. Its `PENDING` comes either before the loop's change to
//! `ASLEEP`, then that change fails and the loop receives; or after it, then the sender finds
//! `ASLEEP` and notifies, unless an earlier sender did so since. A notification that comes before
//! the wait begins ends that wait at once. And the push happens before its `PENDING` (release),
//! which the loop sees (acquire) before it pops.
//!
//! The loop clears `PENDING` before it pops. A message that comes meanwhile sets it again.
//!
//! After the wait the loop clears `ASLEEP`, so that senders stop paying for notifications.
//!
//! # Nudges
//!
//! A nudge says that there is something for the loop in a queue of someone else's. It is a bit of the same
//! flag, set together with `PENDING` after the push there, and cleared together with it before anyone pops
//! there. So all that is said above of a message holds for it, and it takes no place in the queue here.
//!
//! # The end
//!
//! When the runtime ends, the loop sets `CLOSED` and empties the queue a last time. A sender that
//! finds `CLOSED` empties the queue itself: whichever of the two comes second sees the message.

use crate::primitives::Queue;
use crate::primitives::atomic::{AtomicU8, Ordering};

const PENDING: u8 = 1 << 0;
const ASLEEP: u8 = 1 << 1;
const CLOSED: u8 = 1 << 2;

/// The first of the bits of events, a bit for each kind.
const NUDGE: u32 = 3;

/// Messages taken in at a time, before tasks run again.
const BATCH: usize = 256;

pub(crate) struct Remote<M> {
    queue: Queue<M>,
    flag: AtomicU8,
}

/// What the sender has to do.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Sent {
    /// Nothing: the loop is awake, or being woken.
    Done,
    /// The loop sleeps: notify it.
    Notify,
    /// The runtime has ended: take the messages out and drop them.
    Closed,
}

impl<M> Remote<M> {
    pub(crate) fn new() -> Remote<M> {
        Remote {
            queue: Queue::new(),
            flag: AtomicU8::new(0),
        }
    }

    /// Sends a message. Any thread.
    pub(crate) fn send(&self, message: M) -> Sent {
        self.queue.push(message);
        self.tell(PENDING)
    }

    /// Says that there is something of that kind, 0 to 4, in another queue. Any thread. After the end
    /// nobody hears of it, and there is nothing to take out here.
    pub(crate) fn raise(&self, kind: u32) -> Sent {
        self.tell(PENDING | 1 << (NUDGE + kind))
    }

    #[inline]
    fn tell(&self, bits: u8) -> Sent {
        let before = self.flag.fetch_or(bits, Ordering::AcqRel);
        if before & CLOSED != 0 {
            Sent::Closed
        } else if before == ASLEEP {
            Sent::Notify
        } else {
            Sent::Done
        }
    }

    /// Is there something to receive? A plain load; a message just sent may be seen a little later,
    /// but never after [`fall_asleep`](Self::fall_asleep) succeeded.
    #[inline(always)]
    pub(crate) fn is_pending(&self) -> bool {
        self.flag.load(Ordering::Relaxed) & PENDING != 0
    }

    /// Hands the messages that are there now to `f`, but no more than [`BATCH`]. Those that come
    /// meanwhile stay for the next time as well, so that busy senders can't keep the loop here.
    /// Returns the kinds of events, a bit for each.
    pub(crate) fn receive(&self, mut f: impl FnMut(M)) -> u8 {
        let events = !0 << NUDGE;
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
        before >> NUDGE
    }

    /// The loop wants to sleep. `false`: it may not, there is something to receive.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.flag
            .compare_exchange(0, ASLEEP, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// The loop is back from its wait.
    pub(crate) fn wake_up(&self) {
        self.flag.fetch_and(!ASLEEP, Ordering::AcqRel);
    }

    /// The loop will not receive again.
    pub(crate) fn close(&self) {
        self.flag.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Will the loop not receive again? Any thread.
    pub(crate) fn is_closed(&self) -> bool {
        self.flag.load(Ordering::Acquire) & CLOSED != 0
    }

    /// The next message, for those who empty a closed queue.
    pub(crate) fn pop(&self) -> Option<M> {
        self.queue.pop()
    }
}

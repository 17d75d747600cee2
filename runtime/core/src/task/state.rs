//! What the owner thread knows of a task: plain bits, never seen by another thread.
//!
//! `QUEUED`   The task is linked into the run queue. Set by a wake, by an abort and at the spawn;
//!            cleared when the loop takes the task out, just before the poll. While it is set a
//!            further wake does nothing: the poll to come will see what it announced. So a wake or
//!            an abort during the poll queues the task again.
//! `DONE`     The future is gone, by completion, panic or cancellation. Never cleared. Wakes and
//!            aborts do nothing from here on. A task may be `DONE` and `QUEUED`: then the loop only
//!            gives up its reference.
//! `ABORT`    Someone asked for cancellation. The loop drops the future the next time it takes the
//!            task out. Means nothing once `DONE` is set.
//! `JOIN`     A `JoinHandle` waits for the output, so it is kept. Cleared when the handle has taken
//!            it or is dropped; an output that nobody can take is dropped at once.
//! `NAMED`    The scheduler holds a name for this task.
//! `WATCHED`  An `AbortHandle` was made, so the end of the task is mirrored into its remote_requests, where
//!            other threads can read it.
//! `TIMED`    The scheduler wants to know when this task is queued, so its wakes take a longer way.
//!            Set when the task is made, for all tasks of a scheduler or for none.
//! `LISTED`   The scheduler keeps a table, and the task has a place there.

use std::cell::Cell;

pub(crate) const QUEUED: u8 = 1 << 0;
pub(crate) const DONE: u8 = 1 << 1;
pub(crate) const ABORT: u8 = 1 << 2;
pub(crate) const JOIN: u8 = 1 << 3;
pub(crate) const NAMED: u8 = 1 << 4;
pub(crate) const WATCHED: u8 = 1 << 5;
pub(crate) const TIMED: u8 = 1 << 6;
pub(crate) const LISTED: u8 = 1 << 7;

/// The bits of one task.
pub(crate) struct State(Cell<u8>);

/// What the caller of [`State::queue`] has to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Link the task into the run queue.
    Push,
    /// Nothing: it is queued already, or done.
    Nothing,
}

impl State {
    pub(crate) const fn new(bits: u8) -> State {
        State(Cell::new(bits))
    }

    #[inline(always)]
    pub(crate) fn bits(&self) -> u8 {
        self.0.get()
    }

    #[inline(always)]
    pub(crate) fn is(&self, bits: u8) -> bool {
        self.0.get() & bits != 0
    }

    #[inline(always)]
    pub(crate) fn set(&self, bits: u8) {
        self.0.set(self.0.get() | bits);
    }

    #[inline(always)]
    pub(crate) fn clear(&self, bits: u8) {
        self.0.set(self.0.get() & !bits);
    }

    /// The loop has taken the task out. `true`: it is to be polled.
    #[inline(always)]
    pub(crate) fn start(&self) -> bool {
        let bits = self.0.get() & !QUEUED;
        self.0.set(bits);
        bits & (DONE | ABORT) == 0
    }

    /// A wake on the owner thread.
    #[inline(always)]
    pub(crate) fn queue(&self) -> Queue {
        let bits = self.0.get();
        if bits & (QUEUED | DONE) != 0 {
            return Queue::Nothing;
        }
        self.0.set(bits | QUEUED);
        Queue::Push
    }

    /// An abort on the owner thread.
    pub(crate) fn abort(&self) -> Queue {
        if self.is(DONE | ABORT) {
            return Queue::Nothing;
        }
        self.set(ABORT);
        self.queue()
    }
}

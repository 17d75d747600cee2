//! State of a task: plain bits that belong to the owner thread. Other threads never see them.

use std::cell::Cell;

/// The task is linked into the run queue.
///
/// Set by a wake, by an abort and at the spawn. Cleared when the loop takes the task out, just
/// before the poll. While it is set, a further wake does nothing: the coming poll sees what that
/// wake announced. It is clear during a poll, so a wake or an abort during the poll queues the task
/// again.
///
/// May be set together with any other bit. With [`DONE`], the loop takes the task out only to
/// release its reference.
pub(crate) const QUEUED: u8 = 1 << 0;

/// The future is gone, by completion, panic or cancellation.
///
/// Set once, after the future was dropped. Never cleared. Wakes and aborts do nothing from then on.
///
/// May be set together with any other bit; then [`ABORT`] has no meaning.
pub(crate) const DONE: u8 = 1 << 1;

/// The task is to be cancelled.
///
/// Set by an abort, and when a cancellation begins. Never cleared. The loop drops the future when
/// it next takes the task out.
///
/// Before [`DONE`], [`QUEUED`] is set as well, until the loop takes the task out or the
/// cancellation begins.
pub(crate) const ABORT: u8 = 1 << 2;

/// There is a `JoinHandle`, so the output is kept for it.
///
/// Set at the spawn. Cleared when the handle has taken the output or is dropped. While it is clear,
/// an output is dropped at once.
///
/// Independent of the other bits.
pub(crate) const JOIN: u8 = 1 << 3;

/// The scheduler has a name for the task.
///
/// Set when the task is named, right after its spawn. Never cleared; the name is removed when the
/// task is freed.
///
/// Independent of the other bits.
pub(crate) const NAMED: u8 = 1 << 4;

/// An `AbortHandle` was created, so the end of the task is also set in its remote requests, where
/// other threads can read it.
///
/// Set with the first `AbortHandle`. Never cleared.
///
/// Independent of the other bits.
pub(crate) const WATCHED: u8 = 1 << 5;

/// The scheduler is notified when the task is queued, so wakes of the task take the slow path.
///
/// Set for all tasks of a scheduler or for none: when the task is created, or when another event
/// loop begins to drive the scheduler. Never cleared.
///
/// Independent of the other bits.
pub(crate) const TIMED: u8 = 1 << 6;

/// The task has a slot in the scheduler's table.
///
/// Set when the task is created. Cleared when a task that was spawned after the end of the runtime
/// is removed from the table early.
///
/// Independent of the other bits.
pub(crate) const LISTED: u8 = 1 << 7;

/// The bits of one task.
pub(crate) struct State(Cell<u8>);

/// What the caller of [`State::queue`] has to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Link the task into the run queue.
    Push,
    /// Nothing: the task is queued already, or done.
    Nothing,
}

impl State {
    /// Creates a state with these bits.
    pub(crate) const fn new(bits: u8) -> State {
        State(Cell::new(bits))
    }

    /// Returns all bits.
    #[inline(always)]
    pub(crate) fn bits(&self) -> u8 {
        self.0.get()
    }

    /// Whether any of these bits is set.
    #[inline(always)]
    pub(crate) fn is(&self, bits: u8) -> bool {
        self.0.get() & bits != 0
    }

    /// Sets bits.
    #[inline(always)]
    pub(crate) fn set(&self, bits: u8) {
        self.0.set(self.0.get() | bits);
    }

    /// Clears bits.
    #[inline(always)]
    pub(crate) fn clear(&self, bits: u8) {
        self.0.set(self.0.get() & !bits);
    }

    /// Records that the loop has taken the task out. Returns whether it is to be polled.
    #[inline(always)]
    pub(crate) fn start(&self) -> bool {
        let bits = self.0.get() & !QUEUED;
        self.0.set(bits);
        bits & (DONE | ABORT) == 0
    }

    /// Records a wake on the owner thread.
    #[inline(always)]
    pub(crate) fn queue(&self) -> Queue {
        let bits = self.0.get();
        if bits & (QUEUED | DONE) != 0 {
            return Queue::Nothing;
        }
        self.0.set(bits | QUEUED);
        Queue::Push
    }

    /// Records an abort on the owner thread.
    pub(crate) fn abort(&self) -> Queue {
        if self.is(DONE | ABORT) {
            return Queue::Nothing;
        }
        self.set(ABORT);
        self.queue()
    }
}

//! The part of a channel that does not depend on the type of its messages: free places, waiting
//! tasks, and the numbers of handles.
//!
//! A place is free, taken by a message in the queue, or reserved: for a permit, or for a waiter
//! that was taken out of the list. An unbounded channel has `usize::MAX` places, so that no sender
//! of it waits.
//!
//! If the receiver waits, the queue is empty, and more messages may come: whatever changes that
//! wakes it. While a waiter is in the list, there are fewer free places than the first one needs.

use std::cell::Cell;

use super::super::label::{Kind, Label};
use super::super::notify::Notify;
use super::super::wait_list::{HasWaiters, WaitList};
use super::super::waker_slot::WakerSlot;
use super::error::TrySendError;

/// What the receiver still accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// All messages.
    Open,
    /// Messages whose places were reserved before.
    Closed,
    /// None, as it is dropped.
    Gone,
}

pub(super) struct State {
    /// Waiting senders, with the number of places that each needs; 0 once it has got them.
    waiters: WaitList<usize>,
    /// Number of free places.
    free: Cell<usize>,
    capacity: usize,
    phase: Cell<Phase>,
    senders: Cell<usize>,
    weak_senders: Cell<usize>,
    /// Waker of the receiver.
    receiver: WakerSlot,
    /// Waiters for the end of the phase `Open`.
    closing: Notify,
}

// SAFETY: the list is a field.
unsafe impl HasWaiters for State {
    type Value = usize;

    #[inline]
    fn waiters(&self) -> &WaitList<usize> {
        &self.waiters
    }

    #[inline]
    fn label(&self) -> &Label {
        self.closing.label()
    }
}

impl State {
    /// Returns the state of a channel with one sender.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> State {
        State {
            waiters: WaitList::new(),
            free: Cell::new(capacity),
            capacity,
            phase: Cell::new(Phase::Open),
            senders: Cell::new(1),
            weak_senders: Cell::new(0),
            receiver: WakerSlot::new(),
            closing: Notify::labelled(Kind::Channel),
        }
    }

    /// Whether a place can be reserved at once.
    #[inline]
    pub(super) fn has_place(&self) -> bool {
        self.free.get() > 0 && self.waiters.is_empty() && !self.is_closed()
    }

    /// Reserves a place. There is one, see [`has_place`](Self::has_place).
    #[inline]
    pub(super) fn take_place(&self) {
        self.free.set(self.free.get() - 1);
    }

    /// Reserves places, if they are free and no sender waits.
    #[inline]
    pub(super) fn reserve(&self, places: usize) -> Result<(), TrySendError<()>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(()));
        }
        if self.free.get() < places || !self.waiters.is_empty() {
            return Err(TrySendError::Full(()));
        }
        self.free.set(self.free.get() - places);
        Ok(())
    }

    /// Frees the places of messages that were received, and passes them to waiting senders.
    #[inline]
    pub(super) fn free(&self, places: usize) {
        self.free.set(self.free.get() + places);
        if !self.waiters.is_empty() {
            self.grant();
        }
    }

    /// Frees places that were reserved and not used. After `close`, the receiver waits for them.
    #[inline]
    pub(super) fn give_back(&self, places: usize) {
        self.free(places);
        if self.is_closed() {
            self.wake_if_finished();
        }
    }

    /// Gives free places to the first waiters, as long as there are enough, and wakes them.
    #[inline(never)]
    pub(super) fn grant(&self) {
        while let Some(needed) = self.waiters.front()
            && needed <= self.free.get()
        {
            self.free.set(self.free.get() - needed);
            if let Some(popped) = self.waiters.pop_front(0) {
                popped.wake(self.label());
            }
        }
    }

    #[inline]
    pub(super) fn wake_receiver(&self) {
        self.receiver.wake(self.label());
    }

    /// Reports to the console that the receiver need not wait any more. Then it runs user code.
    #[inline(always)]
    pub(super) fn receiver_served(&self) {
        self.receiver.served(self.label());
    }

    #[inline]
    pub(super) fn receiver(&self) -> &WakerSlot {
        &self.receiver
    }

    /// Closes the channel for new messages. Wakes all tasks that wait.
    #[cold]
    pub(super) fn close(&self) {
        if self.is_closed() {
            return;
        }
        self.phase.set(Phase::Closed);
        // No waiter is added from here on.
        while let Some(needed) = self.waiters.front() {
            if let Some(popped) = self.waiters.pop_front(needed) {
                popped.wake(self.label());
            }
        }
        self.closing.notify_waiters();
        self.wake_if_finished();
    }

    /// Wakes the receiver if no message can come any more. If it waits, the queue is empty.
    #[cold]
    fn wake_if_finished(&self) {
        if self.is_finished() {
            self.wake_receiver();
        }
    }

    /// Closes the channel for all messages, as the receiver is dropped.
    pub(super) fn end(&self) {
        self.close();
        self.phase.set(Phase::Gone);
    }

    /// Whether no places can be reserved any more.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.phase.get() != Phase::Open
    }

    /// Whether the receiver is dropped.
    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        self.phase.get() == Phase::Gone
    }

    /// Whether no message can come any more. The queue is empty.
    #[inline]
    pub(super) fn is_finished(&self) -> bool {
        // A reserved place belongs to a borrow of a sender or to a handle that counts as one.
        self.senders.get() == 0 || (self.is_closed() && self.free.get() == self.capacity)
    }

    pub(super) fn closing(&self) -> &Notify {
        &self.closing
    }

    /// Returns the number of places that can be reserved at once. It is 0 while a sender waits.
    pub(super) fn available(&self) -> usize {
        match self.waiters.is_empty() {
            true => self.free.get(),
            false => 0,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn senders(&self) -> usize {
        self.senders.get()
    }

    pub(super) fn weak_senders(&self) -> usize {
        self.weak_senders.get()
    }

    // Each of these handles has a count of the `Rc` as well, which aborts before it overflows.

    #[inline]
    pub(super) fn add_sender(&self) {
        self.senders.set(self.senders.get() + 1);
    }

    /// Counts a sender less. The last one wakes the receiver.
    #[inline]
    pub(super) fn remove_sender(&self) {
        self.senders.set(self.senders.get() - 1);
        if self.senders.get() == 0 {
            self.wake_receiver();
        }
    }

    pub(super) fn add_weak_sender(&self) {
        self.weak_senders.set(self.weak_senders.get() + 1);
    }

    pub(super) fn remove_weak_sender(&self) {
        self.weak_senders.set(self.weak_senders.get() - 1);
    }

    /// Returns the number of waiting senders, by counting them.
    pub(super) fn waiting(&self) -> usize {
        self.waiters.count()
    }
}

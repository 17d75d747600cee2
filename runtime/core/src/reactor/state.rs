//! The state of a registered descriptor: its readiness and its waiters.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::task::Waker;

use super::event::Event;
use super::interest::Interest;
use super::waiters::{POLL_WRITE, WaiterId, Waiters};

pub(super) const READABLE: u8 = Interest::READABLE.bits();
pub(super) const WRITABLE: u8 = Interest::WRITABLE.bits();
/// Set when an event reported that the peer will send nothing more, or has sent urgent data. Then a
/// short read does not mean that the next read would block.
pub(super) const READ_CLOSED: u8 = 4;
/// Set when an event reported that nothing more can be sent.
pub(super) const WRITE_CLOSED: u8 = 8;

/// State that the reactor and the source of a descriptor share.
#[derive(Default)]
pub(super) struct State {
    /// Which of the four bits are set.
    pub(super) ready: Cell<u8>,
    /// Whether its waiter belongs to the runtime itself and waits for no task.
    pub(super) background: Cell<bool>,
    next_id: Cell<WaiterId>,
    waiters: RefCell<Waiters>,
}

// An idle connection costs the reactor the state and the two counts of its `Rc`.
#[cfg(target_pointer_width = "64")]
#[cfg(not(wakeful_random_layout))]
const _: () = assert!(size_of::<State>() + 16 <= 64, "a state is one cache line");

impl State {
    /// Sets the readiness that an event reports, and moves the wakers that wait for it to `out`.
    pub(super) fn dispatch(&self, event: &Event, out: &mut Vec<Waker>) {
        self.ready.set(self.ready.get() | State::readiness(event));
        let readable = if event.readable { READABLE } else { 0 };
        let writable = if event.writable { WRITABLE } else { 0 };
        self.waiters.borrow_mut().take(readable | writable, out);
    }

    /// Returns the bits of the readiness that an event reports.
    pub(super) fn readiness(event: &Event) -> u8 {
        let mut ready = 0;
        for (is, bit) in [
            (event.readable, READABLE),
            (event.writable, WRITABLE),
            (event.read_closed, READ_CLOSED),
            (event.write_closed, WRITE_CLOSED),
        ] {
            ready |= if is { bit } else { 0 };
        }
        ready
    }

    /// Moves all wakers to `out`.
    pub(super) fn take_all(&self, out: &mut Vec<Waker>) {
        self.waiters.borrow_mut().take(READABLE | WRITABLE, out);
    }

    /// Whether a task waits for the descriptor.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.background.get() && !self.waiters.borrow().is_empty()
    }

    /// Calls `f` with the waker of each waiter, until `f` breaks. `f` runs no user code.
    pub(super) fn each_waker(
        &self,
        f: &mut dyn FnMut(&Waker) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.waiters.borrow().each(f)
    }

    /// Stores the waker of a waiter for these directions.
    #[inline]
    pub(super) fn wait(&self, id: WaiterId, directions: u8, waker: &Waker) {
        if self.waiters.borrow_mut().has_waker(id, waker) {
            return;
        }
        // Cloned and dropped with nothing borrowed: both may run user code.
        let waker = waker.clone();
        let before = self.waiters.borrow_mut().set(id, directions, waker);
        drop(before);
    }

    /// Returns an id that no waiter has.
    pub(super) fn new_id(&self) -> WaiterId {
        let mut id = self.next_id.get();
        // Ids wrap around, and an old waiter may still have one.
        while self.waiters.borrow_mut().contains(id) {
            id = (id + 1) % POLL_WRITE;
        }
        self.next_id.set((id + 1) % POLL_WRITE);
        id
    }

    /// Removes a waiter, if it waits.
    pub(super) fn forget(&self, id: WaiterId) {
        let waker = self.waiters.borrow_mut().remove(id);
        drop(waker);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn after_a_wraparound_new_ids_skip_those_in_use() {
        let state = State::default();
        let wait = || {
            let id = state.new_id();
            state.wait(id, READABLE, Waker::noop());
            id
        };
        assert_eq!([wait(), wait()], [0, 1]);
        state.next_id.set(POLL_WRITE - 1);
        assert_eq!([wait(), wait(), wait()], [POLL_WRITE - 1, 2, 3]);
        state.forget(1);
        state.next_id.set(0);
        assert_eq!(wait(), 1);
    }
}

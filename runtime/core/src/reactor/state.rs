//! The state of a registered descriptor: its readiness and its waiters.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::task::Waker;

use super::ready::Ready;
use super::waiters::{POLL_WRITE, WaiterId, Waiters};
use crate::sys::Event;

pub(super) const READABLE: u8 = Ready::READABLE.bits();
pub(super) const WRITABLE: u8 = Ready::WRITABLE.bits();
/// Set when an event reported that the peer will send nothing more.
pub(super) const READ_CLOSED: u8 = Ready::READ_CLOSED.bits();
/// Set when an event reported that nothing more can be sent.
pub(super) const WRITE_CLOSED: u8 = Ready::WRITE_CLOSED.bits();
/// Set when an event reported urgent data or the like.
pub(super) const PRIORITY: u8 = Ready::PRIORITY.bits();
/// Set when an event reported an error.
pub(super) const ERROR: u8 = Ready::ERROR.bits();
/// Set together with `PRIORITY`, and cleared when a read would block: reads stop at urgent data, so
/// until then a short read does not mean that the next read would block.
pub(super) const MARK: u8 = 64;

/// State that the reactor and the source of a descriptor share.
#[derive(Default)]
pub(super) struct State {
    /// Which of the bits above are set.
    pub(super) ready: Cell<u8>,
    /// Number of events so far, modulo 2^16: a guard clears only what was reported before it.
    pub(super) tick: Cell<u16>,
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
        let ready = State::readiness(event);
        self.ready.set(self.ready.get() | ready);
        self.tick.set(self.tick.get().wrapping_add(1));
        self.waiters.borrow_mut().take(ready, out);
    }

    /// Returns the bits of the readiness that an event reports.
    pub(super) fn readiness(event: &Event) -> u8 {
        let mut ready = 0;
        for (is, bit) in [
            (event.readable, READABLE),
            (event.writable, WRITABLE),
            (event.read_closed, READ_CLOSED),
            (event.write_closed, WRITE_CLOSED),
            (event.priority, PRIORITY | MARK),
            (event.error, ERROR),
        ] {
            ready |= if is { bit } else { 0 };
        }
        ready
    }

    /// Returns the readiness that an event reports of the two directions.
    pub(super) fn directions(event: &Event) -> u8 {
        State::readiness(event) & (READABLE | WRITABLE | READ_CLOSED | WRITE_CLOSED)
    }

    /// Moves all wakers to `out`.
    pub(super) fn take_all(&self, out: &mut Vec<Waker>) {
        self.waiters.borrow_mut().take(u8::MAX, out);
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

    /// Stores the waker of a waiter for any of these states.
    #[inline]
    pub(super) fn wait(&self, id: WaiterId, states: u8, waker: &Waker) {
        if self.waiters.borrow_mut().has_waker(id, states, waker) {
            return;
        }
        // Cloned and dropped with nothing borrowed: both may run user code.
        let waker = waker.clone();
        let before = self.waiters.borrow_mut().set(id, states, waker);
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

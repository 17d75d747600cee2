//! The waiters for a descriptor, of two kinds.
//!
//! The `poll_*` calls share one waker for each direction, where the newest counts. Each future of
//! an async method has its own id. Several tasks may thus wait for one descriptor, and dropping
//! one future removes its waker and no other.

use std::mem;
use std::ops::ControlFlow;
use std::task::Waker;

/// Id of a waiter for one descriptor: a future of an async method, or, for the two largest ids, the
/// `poll_*` calls of one direction.
pub(super) type WaiterId = u32;

pub(super) const POLL_READ: WaiterId = u32::MAX;
pub(super) const POLL_WRITE: WaiterId = u32::MAX - 1;

struct Entry {
    id: WaiterId,
    /// The states that it waits for, as bits of a `Ready`.
    states: u8,
    waker: Waker,
}

/// The waiters for one descriptor.
#[derive(Default)]
pub(super) struct Waiters {
    /// The first waiter needs no allocation: most descriptors have one at a time.
    first: Option<Entry>,
    #[expect(
        clippy::box_collection,
        reason = "an idle source pays one word, not three"
    )]
    rest: Option<Box<Vec<Entry>>>,
}

impl Waiters {
    /// Whether that waiter waits.
    #[inline]
    pub(super) fn contains(&mut self, id: WaiterId) -> bool {
        self.find(id).is_some()
    }

    /// Whether that waiter waits for these states, with a waker of the same task as `waker`.
    #[inline]
    pub(super) fn has_waker(&mut self, id: WaiterId, states: u8, waker: &Waker) -> bool {
        self.find(id)
            .is_some_and(|known| known.states == states && known.waker.will_wake(waker))
    }

    /// Sets the waker of one waiter. Returns the former waker, to be dropped with nothing borrowed.
    #[inline]
    pub(super) fn set(&mut self, id: WaiterId, states: u8, waker: Waker) -> Option<Waker> {
        if let Some(known) = self.find(id) {
            known.states = states;
            return Some(mem::replace(&mut known.waker, waker));
        }
        let entry = Entry { id, states, waker };
        if self.first.is_none() {
            self.first = Some(entry);
        } else {
            self.rest.get_or_insert_default().push(entry);
        }
        None
    }

    #[inline]
    fn find(&mut self, id: WaiterId) -> Option<&mut Entry> {
        if let Some(first) = &mut self.first
            && first.id == id
        {
            return Some(first);
        }
        let rest = self.rest.as_mut()?;
        rest.iter_mut().find(|entry| entry.id == id)
    }

    /// Removes one waiter. Returns its waker, to be dropped with nothing borrowed.
    #[inline]
    pub(super) fn remove(&mut self, id: WaiterId) -> Option<Waker> {
        if let Some(entry) = self.first.take_if(|entry| entry.id == id) {
            return Some(entry.waker);
        }
        let rest = self.rest.as_mut()?;
        let index = rest.iter().position(|entry| entry.id == id)?;
        Some(rest.remove(index).waker)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(|rest| rest.is_empty())
    }

    /// Calls `f` with the waker of each waiter, until `f` breaks.
    pub(super) fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        let rest = self.rest.iter().flat_map(|rest| rest.iter());
        self.first
            .iter()
            .chain(rest)
            .try_for_each(|entry| f(&entry.waker))
    }

    /// Moves the wakers that wait for one of these states to `out`, to be woken with nothing
    /// borrowed.
    #[inline]
    pub(super) fn take(&mut self, states: u8, out: &mut Vec<Waker>) {
        let wanted = |entry: &mut Entry| entry.states & states != 0;
        out.extend(self.first.take_if(wanted).map(|entry| entry.waker));
        if let Some(rest) = &mut self.rest {
            out.extend(rest.extract_if(.., wanted).map(|entry| entry.waker));
        }
    }
}

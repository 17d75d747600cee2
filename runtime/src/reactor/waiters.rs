//! Who waits for one direction of a source.

use std::mem;
use std::task::Waker;

/// The number of an async method's future at its source.
pub(super) type WaiterId = u32;

/// Two kinds: the `poll_*` calls share one place, where the newest waker counts; every future of an
/// async method has its own, so that dropping it takes away its waker and no other.
#[derive(Default)]
pub(super) struct Waiters {
    poll: Option<Waker>,
    /// Most sources have one waiter at a time; it needs no allocation.
    first: Option<(WaiterId, Waker)>,
    #[expect(
        clippy::box_collection,
        reason = "an idle source pays one word, not three"
    )]
    rest: Option<Box<Vec<(WaiterId, Waker)>>>,
}

impl Waiters {
    /// Is this already the waker of the `poll_*` calls?
    pub(super) fn knows_poll(&self, waker: &Waker) -> bool {
        self.poll
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
    }

    /// Sets the waker of the `poll_*` calls. Returns what is to be dropped when nothing is borrowed.
    pub(super) fn set_poll(&mut self, waker: Waker) -> Option<Waker> {
        self.poll.replace(waker)
    }

    /// Is this already the waker of that future?
    pub(super) fn knows(&mut self, id: WaiterId, waker: &Waker) -> bool {
        self.find(id).is_some_and(|known| known.will_wake(waker))
    }

    /// Sets the waker of one future. Returns what is to be dropped when nothing is borrowed.
    pub(super) fn set(&mut self, id: WaiterId, waker: Waker) -> Option<Waker> {
        if let Some(known) = self.find(id) {
            return Some(mem::replace(known, waker));
        }
        if self.first.is_none() {
            self.first = Some((id, waker));
        } else {
            self.rest.get_or_insert_default().push((id, waker));
        }
        None
    }

    fn find(&mut self, id: WaiterId) -> Option<&mut Waker> {
        let rest = self.rest.iter_mut().flat_map(|rest| rest.iter_mut());
        self.first
            .iter_mut()
            .chain(rest)
            .find(|entry| entry.0 == id)
            .map(|entry| &mut entry.1)
    }

    /// Forgets one future. Returns its waker, to be dropped when nothing is borrowed.
    pub(super) fn remove(&mut self, id: WaiterId) -> Option<Waker> {
        if let Some((_, waker)) = self.first.take_if(|entry| entry.0 == id) {
            return Some(waker);
        }
        let rest = self.rest.as_mut()?;
        let index = rest.iter().position(|entry| entry.0 == id)?;
        Some(rest.swap_remove(index).1)
    }

    /// Hands out everyone, to be woken when nothing is borrowed.
    pub(super) fn take_all(&mut self, out: &mut Vec<Waker>) {
        out.extend(self.poll.take());
        out.extend(self.first.take().map(|entry| entry.1));
        if let Some(rest) = &mut self.rest {
            out.extend(rest.drain(..).map(|entry| entry.1));
        }
    }
}

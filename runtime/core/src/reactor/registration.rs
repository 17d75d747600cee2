//! Table of the registered descriptors. A key is a slot and a generation, and is not given out
//! twice, so an event that was fetched before its descriptor was closed is dropped.

use std::rc::Rc;

use super::state::State;

/// Half of the key is the slot, half the generation.
const HALF: u32 = usize::BITS / 2;
const SLOT_MASK: usize = (1 << HALF) - 1;
/// One bit less than half, so that no key collides with the keys of the notifiers, which are the
/// largest numbers.
const GENERATION_MASK: usize = SLOT_MASK >> 1;

/// The registered descriptors of one reactor.
#[derive(Default)]
pub(super) struct Registrations {
    slots: Vec<Slot>,
    vacant: Vec<usize>,
}

struct Slot {
    generation: usize,
    state: Option<Rc<State>>,
}

impl Registrations {
    /// Adds a source and returns its key.
    pub(super) fn insert(&mut self, state: Rc<State>) -> usize {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                state: None,
            });
            self.slots.len() - 1
        });
        assert!(
            slot <= SLOT_MASK,
            "more registered descriptors than there are keys"
        );
        self.slots[slot].state = Some(state);
        slot | self.slots[slot].generation << HALF
    }

    /// Removes a source. Later events with its key are dropped.
    pub(super) fn remove(&mut self, key: usize) -> Option<Rc<State>> {
        let slot = &mut self.slots[key & SLOT_MASK];
        slot.generation = slot.generation.wrapping_add(1) & GENERATION_MASK;
        self.vacant.push(key & SLOT_MASK);
        slot.state.take()
    }

    /// Returns the source that is registered under this key, if it still is.
    pub(super) fn get(&self, key: usize) -> Option<&Rc<State>> {
        let slot = self.slots.get(key & SLOT_MASK)?;
        if slot.generation == key >> HALF {
            slot.state.as_ref()
        } else {
            None
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rc<State>> {
        self.slots.iter().filter_map(|slot| slot.state.as_ref())
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod properties;

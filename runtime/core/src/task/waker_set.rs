//! Set of wakers, each in a place of its own.
//!
//! Each method except [`take_all`](WakerSet::take_all) takes constant time. A waker may run user
//! code when it is cloned, dropped or woken, so none of that happens in here: the caller clones a
//! waker before, and drops or wakes the wakers that a method returns, with nothing borrowed or
//! locked.

use std::mem;
use std::task::Waker;

use crate::slab::Slab;

/// Set of wakers.
#[derive(Debug, Default)]
pub(crate) struct WakerSet(Slab<Option<Waker>>);

impl WakerSet {
    pub(crate) const fn new() -> WakerSet {
        WakerSet(Slab::new())
    }

    /// Returns the number of places, including free ones.
    pub(crate) fn len(&self) -> usize {
        self.0.entries().len()
    }

    /// Adds a place, which has no waker yet.
    pub(crate) fn insert(&mut self) -> usize {
        self.0.allocate()
    }

    /// Removes a place. Returns its waker.
    pub(crate) fn remove(&mut self, place: usize) -> Option<Waker> {
        self.0.release(place);
        self.0[place].take()
    }

    /// Whether a wake of the place's waker would wake the same task as `waker`.
    pub(crate) fn knows(&self, place: usize, waker: &Waker) -> bool {
        let known = self.0[place].as_ref();
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Sets or removes the waker of a place. Returns the previous one.
    pub(crate) fn set(&mut self, place: usize, waker: Option<Waker>) -> Option<Waker> {
        mem::replace(&mut self.0[place], waker)
    }

    /// Takes the first waker in the places from `next` to `end` and moves `next` behind it; the
    /// places stay.
    pub(crate) fn take_next(&mut self, next: &mut usize, end: usize) -> Option<Waker> {
        while *next < end {
            let waker = self.0[*next].take();
            *next += 1;
            if waker.is_some() {
                return waker;
            }
        }
        None
    }

    /// Takes all wakers; the places stay.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Waker> + '_ {
        self.0.entries_mut().iter_mut().filter_map(Option::take)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    struct Quiet;

    impl std::task::Wake for Quiet {
        fn wake(self: std::sync::Arc<Self>) {}
    }

    #[test]
    fn a_place_is_used_again_and_keeps_no_old_waker() {
        let waker = Waker::from(std::sync::Arc::new(Quiet));
        let mut set = WakerSet::default();
        let (first, second) = (set.insert(), set.insert());
        assert!(set.set(first, Some(waker.clone())).is_none());
        assert!(set.knows(first, &waker) && !set.knows(second, &waker));
        assert!(set.remove(first).is_some());
        assert_eq!(set.insert(), first);
        assert!(!set.knows(first, &waker));
    }

    #[test]
    fn all_wakers_are_taken_and_the_places_stay() {
        let mut set = WakerSet::default();
        let places = [set.insert(), set.insert(), set.insert()];
        for place in places {
            set.set(place, Some(Waker::noop().clone()));
        }
        assert!(set.set(places[1], None).is_some());
        assert_eq!(set.take_all().count(), 2);
        assert_eq!(set.take_all().count(), 0);
        assert_eq!(set.insert(), 3);
    }
}

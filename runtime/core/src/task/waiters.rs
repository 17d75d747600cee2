//! Set of waiters for one event, which may happen on any thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use super::waker_set::WakerSet;
use crate::unwind::catch_panic;

/// The wakers of all waiters. It can be turned into a waker that wakes each of them, for an
/// operation that stores a single waker.
///
/// A waiter has a place from its first [`store`](Self::store) to its [`remove`](Self::remove), so
/// both take constant time, and a new waker replaces that waiter's old one. Wakers are cloned,
/// woken and dropped without the lock, as that may run user code.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<WakerSet>);

/// The place of one waiter; `None` before its first waker.
pub(crate) type Place = Option<usize>;

impl Waiters {
    pub(crate) const fn new() -> Waiters {
        Waiters(Mutex::new(WakerSet::new()))
    }

    fn lock(&self) -> MutexGuard<'_, WakerSet> {
        // No user code runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the waker of a waiter until the next event.
    pub(crate) fn store(&self, place: &mut Place, waker: &Waker) {
        if place.is_some_and(|place| self.lock().knows(place, waker)) {
            return;
        }
        let new = waker.clone();
        let mut set = self.lock();
        let place = *place.get_or_insert_with(|| set.insert());
        let old = set.set(place, Some(new));
        drop(set);
        drop(old);
    }

    /// Removes a waiter, and frees its place.
    pub(crate) fn remove(&self, place: &mut Place) {
        let Some(place) = place.take() else {
            return;
        };
        // In a statement of its own, which ends with the lock.
        let old = self.lock().remove(place);
        drop(old);
    }

    /// Wakes all waiters. If a waker panics, the others are woken nevertheless.
    pub(crate) fn wake_all(&self) {
        let end = self.lock().len();
        let mut next = 0;
        loop {
            // This statement releases the lock at its end: a wake may run user code.
            let waker = self.lock().take_next(&mut next, end);
            let Some(waker) = waker else { return };
            catch_panic(|| waker.wake());
        }
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn counting() -> (Arc<Counting>, Waker) {
        let counting = Arc::new(Counting::default());
        (counting.clone(), counting.into())
    }

    #[test]
    fn all_are_woken_and_each_once() {
        let waiters = Waiters::new();
        let all: Vec<_> = (0..5).map(|_| counting()).collect();
        for (_, waker) in &all {
            waiters.store(&mut None, waker);
        }
        waiters.wake_all();
        waiters.wake_all();
        for (counting, _) in all {
            assert_eq!(counting.0.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn a_new_waker_replaces_only_that_of_its_waiter() {
        let waiters = Waiters::new();
        let (first, second, other) = (counting(), counting(), counting());
        let mut place = None;
        waiters.store(&mut place, &first.1);
        waiters.store(&mut None, &other.1);
        waiters.store(&mut place, &second.1);
        waiters.wake_all();
        let wakes = [first, second, other].map(|(counting, _)| counting.0.load(Ordering::SeqCst));
        assert_eq!(wakes, [0, 1, 1]);
    }

    #[test]
    fn a_place_is_used_again_after_its_waiter_is_removed() {
        let waiters = Waiters::new();
        for _ in 0..100 {
            let mut place = None;
            waiters.store(&mut place, &counting().1);
            waiters.remove(&mut place);
            assert_eq!(place, None);
        }
        assert_eq!(waiters.lock().take_all().count(), 0);
        assert_eq!(waiters.lock().len(), 1);
    }

    /// Waker that stores itself again at each wake.
    struct Again(Arc<Waiters>, AtomicUsize);

    impl Wake for Again {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.store(&mut None, &self.clone().into());
        }
    }

    #[test]
    fn a_wake_that_stores_a_waker_is_for_the_next_event() {
        let waiters = Arc::new(Waiters::new());
        let again = Arc::new(Again(waiters.clone(), AtomicUsize::new(0)));
        waiters.store(&mut None, &again.clone().into());
        Waker::from(waiters.clone()).wake_by_ref();
        assert_eq!(again.1.load(Ordering::SeqCst), 1);
        // Otherwise they keep each other alive.
        assert_eq!(waiters.lock().take_all().count(), 1);
    }
}

//! Foreign wakers: each of their four functions is user code.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::places::Place;
use super::world::{self, Tally};

/// The state that all clones of one waker share.
pub struct State {
    pub number: usize,
    wakes: AtomicUsize,
    tally: Arc<Tally>,
}

impl State {
    pub fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

/// Returns a waker, and its count of wakes.
pub fn waker(tally: &Arc<Tally>) -> (Arc<State>, Waker) {
    let state = Arc::new(State {
        number: tally.wakers.both().0,
        wakes: AtomicUsize::new(0),
        tally: tally.clone(),
    });
    tally.wakers.made();
    let data = Arc::into_raw(state.clone()).cast();
    // SAFETY: the functions keep the contract: each takes the data for one counted reference to a
    // `State`, and `State` is `Send` and `Sync`.
    let waker = unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) };
    (state, waker)
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// Releases one reference, also if the code before panics.
struct Owned(Arc<State>);

fn tell(what: &str, state: &State) {
    if let Some(world) = world::current() {
        world.tell(|| format!("{what} waker {}", state.number));
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.tally.wakers.dropped();
    }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the data is that of a reference that the caller owns.
    tell("clone", unsafe { &*data.cast::<State>() });
    world::chaos(Place::WakerClone);
    // SAFETY: the data is that of a reference that the caller owns.
    unsafe { Arc::increment_strong_count(data.cast::<State>()) };
    // SAFETY: as above.
    unsafe { &*data.cast::<State>() }.tally.wakers.made();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the caller passes its reference on.
    let owned = Owned(unsafe { Arc::from_raw(data.cast::<State>()) });
    tell("wake", &owned.0);
    owned.0.wakes.fetch_add(1, Ordering::SeqCst);
    world::chaos(Place::WakerWake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the data is that of a reference that the caller owns and keeps during the call.
    let state = unsafe { &*data.cast::<State>() };
    tell("wake_by_ref", state);
    state.wakes.fetch_add(1, Ordering::SeqCst);
    world::chaos(Place::WakerWakeByRef);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the caller passes its reference on.
    let owned = Owned(unsafe { Arc::from_raw(data.cast::<State>()) });
    tell("drop", &owned.0);
    world::chaos(Place::WakerDrop);
}

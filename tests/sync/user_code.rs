//! Wakers that call a closure.

use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::support;

type Closures = [Box<dyn Fn()>; 3];

const CLONE: usize = 0;
const WAKE: usize = 1;
const DROP: usize = 2;

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    // SAFETY: the pointer is that of the waker, which has a count.
    |data| unsafe {
        let closures = counted(data);
        closures[CLONE]();
        let copy = Rc::clone(&closures);
        RawWaker::new(Rc::into_raw(copy).cast(), &VTABLE)
    },
    // SAFETY: the pointer is that of the waker, whose count is given up here.
    |data| unsafe {
        let closures = ManuallyDrop::into_inner(counted(data));
        closures[WAKE]();
    },
    // SAFETY: as for the clone.
    |data| unsafe { counted(data)[WAKE]() },
    // SAFETY: as for the wake.
    |data| unsafe {
        let closures = ManuallyDrop::into_inner(counted(data));
        if Rc::strong_count(&closures) == 1 {
            closures[DROP]();
        }
    },
);

/// # Safety
/// The pointer is that of a waker.
unsafe fn counted(data: *const ()) -> ManuallyDrop<Rc<Closures>> {
    // SAFETY: the caller's promise.
    ManuallyDrop::new(unsafe { Rc::from_raw(data.cast()) })
}

/// Returns a waker that stays on this thread, as all wakers of this file.
fn waker(closures: Closures) -> Waker {
    let data = Rc::into_raw(Rc::new(closures)).cast();
    // SAFETY: the table keeps the rules of a waker, but for the threads: the tests of this target
    // keep it on its thread.
    unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
}

/// Returns a waker that calls `f` when it is cloned.
pub fn on_clone(f: impl Fn() + 'static) -> Waker {
    waker([Box::new(f), Box::new(|| ()), Box::new(|| ())])
}

/// Returns a waker that calls `f` when it is woken.
pub fn on_wake(f: impl Fn() + 'static) -> Waker {
    waker([Box::new(|| ()), Box::new(f), Box::new(|| ())])
}

/// Returns a waker that calls `f` when its last clone is dropped.
pub fn on_drop(f: impl Fn() + 'static) -> Waker {
    waker([Box::new(|| ()), Box::new(|| ()), Box::new(f)])
}

/// Returns a waker whose wake panics.
pub fn panics() -> Waker {
    Arc::new(support::Panicking).into()
}

//! Wakers whose clone, wake and drop use the primitive that they wait for, or panic.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use wakeful::sync::{Mutex, Notify, OwnedMutexGuard, RwLock, Semaphore};

use super::poll::is_ready;
#[cfg(panic = "unwind")]
use super::support::panic_of;

/// What the functions of a waker do.
#[derive(Default)]
struct Acts {
    clone: Cell<Option<Box<dyn FnOnce()>>>,
    wake: Cell<Option<Box<dyn FnOnce()>>>,
    drop: Cell<Option<Box<dyn FnOnce()>>>,
}

fn act(what: &Cell<Option<Box<dyn FnOnce()>>>) {
    if let Some(act) = what.take() {
        act();
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: every waker of this vtable has a counted reference to `Acts`, on one thread.
    act(unsafe { &(*data.cast::<Acts>()).clone });
    // SAFETY: the same.
    unsafe { Rc::increment_strong_count(data.cast::<Acts>()) };
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the same; the caller gives its reference up.
    let acts = unsafe { Rc::from_raw(data.cast::<Acts>()) };
    act(&acts.wake);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the same.
    act(unsafe { &(*data.cast::<Acts>()).wake });
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the same; the caller gives its reference up.
    let acts = unsafe { Rc::from_raw(data.cast::<Acts>()) };
    act(&acts.drop);
}

/// Returns a waker, which must not leave the thread, and what it does.
fn waker() -> (Rc<Acts>, Waker) {
    let acts = Rc::new(Acts::default());
    let data = Rc::into_raw(acts.clone()).cast();
    // SAFETY: the functions keep the contract, but for `Send`: no test sends it.
    (acts, unsafe {
        Waker::from_raw(RawWaker::new(data, &VTABLE))
    })
}

fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_ready()
}

#[test]
#[cfg(panic = "unwind")]
fn a_permit_is_not_lost_if_the_drop_of_a_clone_panics() {
    let semaphore = Rc::new(Semaphore::new(1));
    let permit = semaphore.clone().try_acquire_owned().unwrap();
    let (acts, waker) = waker();
    let inner = acts.clone();
    // The clone releases the permit, so that the waiter gets it after the clone.
    acts.clone.set(Some(Box::new(move || {
        drop(permit);
        inner
            .drop
            .set(Some(Box::new(|| panic!("the drop of a clone"))));
    })));
    {
        let mut acquire = pin!(semaphore.acquire());
        assert!(poll_with(acquire.as_mut(), &waker));
    }
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
#[cfg(panic = "unwind")]
fn a_stored_notification_is_not_lost_if_the_drop_of_a_clone_panics() {
    let notify = Rc::new(Notify::new());
    let (acts, waker) = waker();
    let (inner, notifier) = (acts.clone(), notify.clone());
    acts.clone.set(Some(Box::new(move || {
        notifier.notify_one();
        inner
            .drop
            .set(Some(Box::new(|| panic!("the drop of a clone"))));
    })));
    assert!(poll_with(pin!(notify.notified()), &waker));
}

#[test]
#[cfg(panic = "unwind")]
fn a_clone_that_panics_leaves_the_waiter_in_its_place() {
    let notify = Notify::new();
    let (mut first, mut second) = (pin!(notify.notified()), pin!(notify.notified()));
    assert!(!is_ready(first.as_mut()));
    assert!(!is_ready(second.as_mut()));
    let (acts, waker) = waker();
    acts.clone.set(Some(Box::new(|| panic!("the clone"))));
    let text = panic_of(|| poll_with(first.as_mut(), &waker));
    assert_eq!(text, "the clone");
    notify.notify_one();
    assert!(!is_ready(second));
    assert!(is_ready(first));
}

#[test]
#[cfg(panic = "unwind")]
fn a_wake_that_panics_does_not_stop_the_others() {
    let notify = Notify::new();
    let (acts, waker) = waker();
    acts.wake.set(Some(Box::new(|| panic!("the wake"))));
    let (mut first, mut second) = (pin!(notify.notified()), pin!(notify.notified()));
    assert!(!poll_with(first.as_mut(), &waker));
    assert!(!is_ready(second.as_mut()));
    notify.notify_waiters();
    assert!(is_ready(first) && is_ready(second));
}

#[test]
fn a_wake_that_drops_the_waiters_behind_it_leaves_the_list_in_order() {
    let semaphore = Rc::new(Semaphore::new(0));
    let others: Rc<RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>> = Rc::default();
    let (acts, waker) = waker();
    let mut first = pin!(semaphore.acquire());
    assert!(!poll_with(first.as_mut(), &waker));
    for _ in 0..3 {
        let semaphore = semaphore.clone();
        let mut other: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            semaphore.acquire().await.unwrap().forget();
        });
        assert!(!is_ready(other.as_mut()));
        others.borrow_mut().push(other);
    }
    let list = others.clone();
    acts.wake.set(Some(Box::new(move || {
        let dropped = list.borrow_mut().split_off(1);
        drop(dropped);
    })));
    semaphore.add_permits(4);
    assert!(is_ready(first));
    let mut left = others.take();
    assert!(is_ready(left[0].as_mut()));
    // Two permits of the dropped waiters, or never given to them, and that of `first`.
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn a_wake_that_drops_its_own_future_passes_the_permit_on() {
    let semaphore = Rc::new(Semaphore::new(0));
    let future: Rc<Cell<Option<Pin<Box<dyn Future<Output = ()>>>>>> = Rc::default();
    let (acts, waker) = waker();
    let inner = semaphore.clone();
    let mut own: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        inner.acquire().await.unwrap().forget();
    });
    assert!(!poll_with(own.as_mut(), &waker));
    future.set(Some(own));
    let mut second = pin!(semaphore.acquire());
    assert!(!is_ready(second.as_mut()));
    acts.wake.set(Some(Box::new(move || drop(future.take()))));
    semaphore.add_permits(1);
    assert!(is_ready(second));
}

#[test]
fn a_wake_may_notify_again() {
    let notify = Rc::new(Notify::new());
    let (acts, waker) = waker();
    let mut first = pin!(notify.notified());
    let mut second = pin!(notify.notified());
    assert!(!poll_with(first.as_mut(), &waker));
    assert!(!is_ready(second.as_mut()));
    let late: Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>> = Rc::default();
    let (inner, queued) = (notify.clone(), late.clone());
    acts.wake.set(Some(Box::new(move || {
        let mut waiter = Box::pin(inner.clone().notified_owned());
        assert!(!is_ready(waiter.as_mut()));
        *queued.borrow_mut() = Some(waiter);
        // Both were notified by `notify_waiters`, so this one goes to the new waiter.
        inner.notify_one();
    })));
    notify.notify_waiters();
    assert!(is_ready(first) && is_ready(second));
    assert!(is_ready(late.take().unwrap().as_mut()));
    assert!(!is_ready(pin!(notify.notified())), "nothing is stored");
}

#[test]
fn a_wake_may_lock_and_unlock() {
    let mutex = Rc::new(Mutex::new(0));
    let (acts, waker) = waker();
    let guard = mutex.try_lock().unwrap();
    let mut first = pin!(mutex.lock());
    assert!(!poll_with(first.as_mut(), &waker));
    let inner = mutex.clone();
    acts.wake.set(Some(Box::new(move || {
        assert!(inner.try_lock().is_err(), "the lock is the waiter's");
    })));
    drop(guard);
    assert!(is_ready(first));
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_waker_that_drops_the_last_reference_to_the_lock_does_no_harm() {
    let mutex = Rc::new(Mutex::new(0));
    let guard = mutex.clone().try_lock_owned().unwrap();
    let (acts, waker) = waker();
    {
        let mut first = Box::pin(mutex.clone().lock_owned());
        assert!(!poll_with(first.as_mut(), &waker));
        acts.wake.set(Some(Box::new(move || drop(mutex))));
        drop(OwnedMutexGuard::map(guard, |value| value));
    }
    assert_eq!(
        Rc::strong_count(&acts),
        2,
        "the test's, and that of `waker`"
    );
}

#[test]
fn forgotten_waiters_do_no_harm() {
    let lock = RwLock::new(1);
    let guard = lock.try_write().unwrap();
    let mut forgotten = Box::pin(lock.read());
    assert!(!is_ready(forgotten.as_mut()));
    let mut second = Box::pin(lock.read());
    assert!(!is_ready(second.as_mut()));
    std::mem::forget(forgotten);
    drop(guard);
    assert!(is_ready(second.as_mut()));
    drop(second);
    // Its permit is gone with it.
    assert!(lock.try_write().is_err());
    let moved = Box::new(lock);
    assert!(moved.try_read().is_ok());
}

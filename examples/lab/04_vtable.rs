//! What a waker is: a pointer and four functions. A hand-written `RawWaker` that counts its calls.
//!
//! `Waker` does not depend on an executor. It has a data pointer, here to counters in an `Arc`, and
//! a table of four functions; `clone`, `wake`, `wake_by_ref` and `drop` are called through it.
//!
//! Look at the number of live wakers: `wake` consumes the waker, `wake_by_ref` does not. The table's
//! `drop` is not called after `wake`, so `wake` has to release the reference itself. A table that
//! does not do so leaks the task's memory.
//!
//! `cargo run --example lab_04_vtable`; then exercise 04, `exercises/04.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// The data behind the pointer: how often each of the four functions was called.
#[derive(Default)]
struct Counts {
    clone: AtomicUsize,
    wake: AtomicUsize,
    wake_by_ref: AtomicUsize,
    drop: AtomicUsize,
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

// Each live waker owns one reference of the `Arc`. All four get the pointer that `counting_waker`
// took from `Arc::into_raw`.

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the pointer is from `Arc::into_raw`, and the waker that is cloned owns a reference.
    // The new waker owns the added one.
    unsafe { Arc::increment_strong_count(data.cast::<Counts>()) };
    // SAFETY: as above; the counters live as long as the waker, which is borrowed now.
    let counts = unsafe { &*data.cast::<Counts>() };
    counts.clone.fetch_add(1, Relaxed);
    println!("  table: clone");
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as in `clone`. This call consumes the waker and `drop` will not run for it, so its
    // reference is taken here and released at the end of this function.
    let counts = unsafe { Arc::from_raw(data.cast::<Counts>()) };
    counts.wake.fetch_add(1, Relaxed);
    println!("  table: wake, the waker is consumed");
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker is only borrowed: it keeps its reference, so the counters are alive.
    let counts = unsafe { &*data.cast::<Counts>() };
    counts.wake_by_ref.fetch_add(1, Relaxed);
    println!("  table: wake_by_ref, the waker stays");
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `wake`: the reference of this waker is taken and released.
    let counts = unsafe { Arc::from_raw(data.cast::<Counts>()) };
    counts.drop.fetch_add(1, Relaxed);
    println!("  table: drop");
}

fn counting_waker(counts: Arc<Counts>) -> Waker {
    let data = Arc::into_raw(counts).cast::<()>();
    // SAFETY: the four functions keep to the contract of `RawWaker`: they may be called from any
    // thread, as the counts are atomic, and each waker owns one reference, from its creation to
    // `wake` or `drop`.
    unsafe { Waker::from_raw(RawWaker::new(data, &TABLE)) }
}

fn main() {
    let counts = Arc::new(Counts::default());
    // One reference is `counts` itself, the others belong to wakers.
    let live = || Arc::strong_count(&counts) - 1;

    println!("create a waker");
    let first = counting_waker(counts.clone());
    println!("  live wakers: {}\nclone it twice", live());
    let (second, third) = (first.clone(), first.clone());
    println!("  live wakers: {}\nfirst.wake_by_ref(), twice", live());
    first.wake_by_ref();
    first.wake_by_ref();
    assert_eq!(live(), 3);
    println!("  live wakers: {}\nsecond.wake()", live());
    second.wake();
    println!("  live wakers: {}\ndrop(third)", live());
    drop(third);
    println!("  live wakers: {}", live());

    // `will_wake` compares the pointers and the tables, nothing else.
    let other = counting_waker(Arc::default());
    assert!(first.will_wake(&first) && !first.will_wake(&other));

    println!("drop `first`, and a waker with other data");
    drop((first, other));
    println!("  live wakers: {}", live());

    let calls = [
        &counts.clone,
        &counts.wake,
        &counts.wake_by_ref,
        &counts.drop,
    ];
    let [clones, wakes, by_ref, drops] = calls.map(|count| count.load(Relaxed));
    println!("\nclone {clones}, wake {wakes}, wake_by_ref {by_ref}, drop {drops}");
    println!("created + cloned = consumed by wake + dropped: 1 + {clones} = {wakes} + {drops}");

    // Each waker ends once: by `wake` or by `drop`, never by both.
    assert_eq!([clones, wakes, by_ref, drops], [2, 1, 2, 2]);
    assert_eq!(1 + clones, wakes + drops);
    assert_eq!(live(), 0);
}

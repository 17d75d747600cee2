//! What a waker is: a pointer and four functions. A `RawWaker` by hand that counts its calls.
//!
//! `Waker` knows nothing of executors. It has a data pointer, here to a counter behind an `Arc`,
//! and a table of four functions; `clone`, `wake`, `wake_by_ref` and `drop` are called through it.
//!
//! Look at the number of living wakers: `wake` takes the waker, `wake_by_ref` leaves it. The table's
//! `drop` does not run after `wake`, so `wake` has to give the reference back itself. A table that
//! forgets it keeps the task's memory for good.
//!
//! `cargo run --example lab_04_vtable`

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

// Each living waker owns one reference of the `Arc`. All four get the pointer that `counting_waker`
// took from `Arc::into_raw`.

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the pointer is from `Arc::into_raw`, and the waker that is cloned owns a reference.
    // The new waker gets the one that is added.
    unsafe { Arc::increment_strong_count(data.cast::<Counts>()) };
    // SAFETY: as above; the counter lives as long as the waker, and that is borrowed now.
    let counts = unsafe { &*data.cast::<Counts>() };
    counts.clone.fetch_add(1, Relaxed);
    println!("  table: clone");
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as in `clone`. This waker is gone after this call and `drop` will not run for it, so
    // its reference is taken here and given back at the end of this function.
    let counts = unsafe { Arc::from_raw(data.cast::<Counts>()) };
    counts.wake.fetch_add(1, Relaxed);
    println!("  table: wake, the waker is used up");
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker is only borrowed: it keeps its reference, so the counter is alive.
    let counts = unsafe { &*data.cast::<Counts>() };
    counts.wake_by_ref.fetch_add(1, Relaxed);
    println!("  table: wake_by_ref, the waker stays");
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `wake`: the reference of this waker is taken and given back.
    let counts = unsafe { Arc::from_raw(data.cast::<Counts>()) };
    counts.drop.fetch_add(1, Relaxed);
    println!("  table: drop");
}

fn counting_waker(counts: Arc<Counts>) -> Waker {
    let data = Arc::into_raw(counts).cast::<()>();
    // SAFETY: the four functions keep to the contract of `RawWaker`: they may be called from any
    // thread, as the counts are atomic, and each waker owns one reference, from its making to
    // `wake` or `drop`.
    unsafe { Waker::from_raw(RawWaker::new(data, &TABLE)) }
}

fn main() {
    let counts = Arc::new(Counts::default());
    // One reference is ours, the others belong to wakers.
    let living = || Arc::strong_count(&counts) - 1;

    println!("make a waker");
    let first = counting_waker(counts.clone());
    println!("  living wakers: {}\nclone it twice", living());
    let (second, third) = (first.clone(), first.clone());
    println!("  living wakers: {}\nfirst.wake_by_ref(), twice", living());
    first.wake_by_ref();
    first.wake_by_ref();
    assert_eq!(living(), 3);
    println!("  living wakers: {}\nsecond.wake()", living());
    second.wake();
    println!("  living wakers: {}\ndrop(third)", living());
    drop(third);
    println!("  living wakers: {}", living());

    // Is it the same waker? Pointer and table are compared, nothing else.
    let other = counting_waker(Arc::default());
    assert!(first.will_wake(&first) && !first.will_wake(&other));

    println!("`first` and a stranger go out of scope");
    drop((first, other));
    println!("  living wakers: {}", living());

    let calls = [
        &counts.clone,
        &counts.wake,
        &counts.wake_by_ref,
        &counts.drop,
    ];
    let [clones, wakes, by_ref, drops] = calls.map(|count| count.load(Relaxed));
    println!("\nclone {clones}, wake {wakes}, wake_by_ref {by_ref}, drop {drops}");
    println!("made + cloned = woken with + dropped: 1 + {clones} = {wakes} + {drops}");

    // Each waker ends once: by `wake` or by `drop`, never by both.
    assert_eq!([clones, wakes, by_ref, drops], [2, 1, 2, 2]);
    assert_eq!(1 + clones, wakes + drops);
    assert_eq!(living(), 0);
}

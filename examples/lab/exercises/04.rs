//! Exercise 04: a waker that leaks.
//!
//! What it should do: each waker that `counting_waker` makes owns one reference of the `Arc`, and
//! gives it back exactly once: by `wake`, or by `drop`.
//!
//! Repair the functions of the table. It needs a change of one or two lines.
//!
//! The question, to answer before you run it: `main` creates a waker and clones it twice. It calls
//! `wake` on one of the three and `wake_by_ref` on another, and drops the two that are left. How
//! many references are there then, before your repair? One of them is the variable `counts`.
//!
//! - a: 0
//! - b: 1
//! - c: 2
//! - d: 3
//!
//! Run it: `cargo run --example exercise_04`. Check it: `cargo run --example lab -- check 04`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{RawWaker, RawWakerVTable, Waker};

pub const ANSWER: char = '?';

/// The data behind the pointer: how often a waker was called.
pub type Count = AtomicUsize;

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the pointer is from `Arc::into_raw`, and the waker that is cloned owns a reference.
    unsafe { Arc::increment_strong_count(data.cast::<Count>()) };
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as in `clone`.
    let count = unsafe { &*data.cast::<Count>() };
    count.fetch_add(1, Relaxed);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker is borrowed and keeps its reference, so the count is alive.
    let count = unsafe { &*data.cast::<Count>() };
    count.fetch_add(1, Relaxed);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: as in `clone`. This call takes the reference of the waker.
    drop(unsafe { Arc::from_raw(data.cast::<Count>()) });
}

pub fn counting_waker(count: Arc<Count>) -> Waker {
    let data = Arc::into_raw(count).cast::<()>();
    // SAFETY: the count is atomic, so the functions may be called from any thread, and each waker
    // owns one reference.
    unsafe { Waker::from_raw(RawWaker::new(data, &TABLE)) }
}

pub fn main() {
    let count = Arc::new(Count::default());
    let first = counting_waker(count.clone());
    let (second, third) = (first.clone(), first.clone());
    second.wake();
    third.wake_by_ref();
    drop((first, third));
    println!("called: {}", count.load(Relaxed));
    println!("references: {}", Arc::strong_count(&count));
}

//! A wake after the end: what happens, and what does a waker keep alive?
//!
//! `worker` leaves a waker with `main` and ends. `main` then calls the waker: nothing happens, and
//! that is no error, since late wakes are common.
//!
//! Look at what is freed when. The future, with everything in it, is dropped when it returns
//! `Ready`. The task's memory, where the future was, is freed when the last waker is dropped: a
//! forgotten waker in a list keeps the memory of a task that ended long ago.
//!
//! `cargo run --example lab_18_wake_after_done`; then exercise 18, `exercises/18.rs`.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

use wakeful::trace::{Effect, Level, mark};
use wakeful_lab as lab;

/// A value that the future owns.
struct Treasure;

impl Drop for Treasure {
    fn drop(&mut self) {
        mark("a value of the future is dropped");
    }
}

fn main() {
    let outlives: Rc<Cell<Option<Waker>>> = Rc::default();
    let last = outlives.clone();
    let snapshot = lab::record(Level::Clones, async move {
        let kept: Rc<Cell<Option<Waker>>> = Rc::default();
        let place = kept.clone();
        let worker = lab::spawn("worker", async move {
            let _treasure = Treasure;
            lab::leave_waker(move |waker| {
                waker.wake_by_ref();
                place.set(Some(waker));
            })
            .await;
        });
        worker.await.expect("it does not panic");
        mark("the worker has ended, and its handle is dropped");

        let waker = kept.take().expect("the worker left it");
        waker.wake_by_ref();
        mark("drop of the last waker");
        drop(waker);

        // This waker is called after the runtime was dropped.
        let leave = lab::leave_waker(move |waker| {
            waker.wake_by_ref();
            last.set(Some(waker));
        });
        lab::spawn("survivor", leave)
            .await
            .expect("it does not panic");
    });
    lab::show("18_wake_after_done", &snapshot);

    // `record` has dropped the runtime. Its wakers are still sound to use.
    outlives.take().expect("the survivor left it").wake();
    println!("A waker was called after its runtime was dropped, and nothing happened.");
    println!("A late wake is harmless. A waker that is never dropped leaks its task's memory.");

    // The future is dropped when the task ends; the task's memory is freed with the last waker.
    lab::assert_story(
        &snapshot,
        &[
            "worker marks \"a value of the future is dropped\"",
            "worker is done: ready, wakers left: 1",
            "main marks \"the worker has ended, and its handle is dropped\"",
            "main wakes worker by reference: nothing, it is over",
            "main marks \"drop of the last waker\"",
            "a waker of worker is dropped, wakers now: 0",
            "worker is freed",
        ],
    );
    let late = lab::wakes(&snapshot, "worker")[1];
    assert_eq!(late.1, Effect::AfterDone);
    assert!(!snapshot.to_string().contains("survivor is freed"));
}

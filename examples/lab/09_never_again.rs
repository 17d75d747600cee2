//! Why is my future never polled again? Because its waker is gone.
//!
//! Three tasks return `Pending`. `forgetful` does not clone its waker. `careless` clones it and
//! drops the clone. `careful` gives its clone to `main`, which calls it.
//!
//! Look at the number of wakers while a task waits. A task that waits and has no waker will wait
//! forever, and the bug is in its future. The page marks such tasks with a red flag.
//!
//! `cargo run --example lab_09_never_again`; then exercise 09, `exercises/09.rs`.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::{End, Level, mark};
use wakeful_lab as lab;

fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let forgetful = lab::spawn("forgetful", poll_fn(|_| Poll::<()>::Pending));
        let careless = lab::spawn(
            "careless",
            poll_fn(|cx| {
                let _ = cx.waker().clone(); // `_` keeps nothing: the clone is dropped at once
                Poll::<()>::Pending
            }),
        );
        let kept: Rc<Cell<Option<Waker>>> = Rc::default();
        let place = kept.clone();
        let careful = lab::spawn(
            "careful",
            lab::leave_waker(move |waker| place.set(Some(waker))),
        );

        lab::settle().await;
        mark("no task is ready");
        kept.take().expect("`careful` left its waker").wake();
        careful.await.expect("it does not panic");

        // The other two have no waker left, so waiting longer is useless. Only `abort` ends them.
        assert!(!forgetful.is_finished() && !careless.is_finished());
        forgetful.abort();
        careless.abort();
        lab::settle().await;
    });
    lab::show("09_never_again", &snapshot);

    println!(
        "A future that returns `Pending` must have given its waker to code that will call it."
    );
    println!("Two of the three did not. Each was polled once, and then never again.");

    // A task without a waker is not woken, and a task that is not woken is not polled.
    assert_eq!(lab::polls(&snapshot, "careful"), [End::Pending, End::Ready]);
    for wrong in ["forgetful", "careless"] {
        assert_eq!(lab::polls(&snapshot, wrong), [End::Pending, End::Cancelled]);
        assert!(lab::wakes(&snapshot, wrong).is_empty());
    }
    lab::assert_story(
        &snapshot,
        &[
            "a waker of careless is cloned, wakers now: 1",
            "a waker of careless is dropped, wakers now: 0",
            "main marks \"no task is ready\"",
            "careful is polled, because main woke it: ready",
        ],
    );
}

//! `wake`, `wake_by_ref` or `drop`: three things to do with a waker.
//!
//! Three tasks leave a waker with `main`. It calls `wake` on the first, `wake_by_ref` on the
//! second, and drops the third.
//!
//! Look at the number of wakers. `wake` consumes the waker, and there is no `dropped` line for it.
//! `wake_by_ref` does not change the number. `drop` lowers it and does not wake the task.
//!
//! `cargo run --example lab_12_three_ends`; then exercise 12, `exercises/12.rs`.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use wakeful::trace::{End, Level, mark};
use wakeful_lab as lab;

fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
        let tasks = ["first", "second", "third"].map(|name| {
            let kept = kept.clone();
            let leave = lab::leave_waker(move |waker| kept.borrow_mut().push(waker));
            lab::spawn(name, leave)
        });
        lab::settle().await;

        let wakers = kept.take();
        let [first, second, third] = wakers.try_into().expect("three tasks left one each");
        mark("wake");
        first.wake(); // moves `first`: a second use would not compile
        mark("wake_by_ref");
        second.wake_by_ref(); // `second` can be used again
        mark("drop");
        drop(third);

        lab::settle().await;
        mark("drop of the second's waker");
        drop(second);
        let [_, _, third] = tasks;
        assert!(!third.is_finished());
        third.abort();
        lab::settle().await;
    });
    lab::show("12_three_ends", &snapshot);

    println!("If you don't need the waker any more, call wake: it saves the drop.");
    println!("If you keep the waker, call wake_by_ref.");

    // Both ways of waking lead to a poll, and a drop never does.
    for woken in ["first", "second"] {
        assert_eq!(lab::polls(&snapshot, woken), [End::Pending, End::Ready]);
    }
    assert_eq!(
        lab::polls(&snapshot, "third"),
        [End::Pending, End::Cancelled]
    );
    lab::assert_story(
        &snapshot,
        &[
            "main wakes first: queued",
            "main wakes second by reference: queued",
            "a waker of third is dropped, wakers now: 0",
            "first is done: ready",
            "second is done: ready, wakers left: 1",
            "main marks \"drop of the second's waker\"",
            "a waker of second is dropped, wakers now: 0",
        ],
    );
    assert!(!snapshot.to_string().contains("a waker of first is dropped"));
}

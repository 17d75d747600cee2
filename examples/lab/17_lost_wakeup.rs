//! The lost wakeup: the event came after I looked and before I left my waker.
//!
//! A future has two things to do before it returns `Pending`: look whether the event has come, and
//! leave its waker. In which order? With threads the event may come between the two. Here it comes
//! there on purpose: `gap` runs between the steps, so each run is the same.
//!
//! Six tasks, one for each order and each moment. Look for the one that never ends.
//!
//! `cargo run --example lab_17_lost_wakeup`

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::{End, Level, mark};
use wakeful_lab as lab;

#[derive(Clone, Copy, PartialEq)]
enum When {
    BeforeThePoll,
    InTheGap,
    AfterThePoll,
}

#[derive(Default)]
struct Event {
    happened: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Event {
    fn happen(&self) {
        mark("the event");
        self.happened.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

/// Looks, then leaves its waker: wrong.
async fn look_first(event: &Event, gap: impl Fn()) {
    poll_fn(|cx| {
        if event.happened.get() {
            return Poll::Ready(());
        }
        gap();
        event.waiting.replace(Some(cx.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// Leaves its waker, then looks: right.
async fn leave_first(event: &Event, gap: impl Fn()) {
    poll_fn(|cx| {
        event.waiting.replace(Some(cx.waker().clone()));
        gap();
        match event.happened.get() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// Does the task end?
async fn try_it(name: &'static str, right: bool, when: When) -> bool {
    let event = Rc::new(Event::default());
    if when == When::BeforeThePoll {
        event.happen();
    }
    let its = event.clone();
    let task = lab::spawn(name, async move {
        let gap = || {
            if when == When::InTheGap && !its.happened.get() {
                its.happen();
            }
        };
        match right {
            true => leave_first(&its, gap).await,
            false => look_first(&its, gap).await,
        }
    });
    lab::settle().await;
    if when == When::AfterThePoll {
        event.happen();
        lab::settle().await;
    }
    let ended = task.is_finished();
    task.abort();
    lab::settle().await;
    ended
}

/// Each order and each moment, and whether the task will end.
const CASES: [(&str, bool, When, bool); 6] = [
    (
        "look first, event before the poll",
        false,
        When::BeforeThePoll,
        true,
    ),
    ("look first, event in the gap", false, When::InTheGap, false),
    (
        "look first, event after the poll",
        false,
        When::AfterThePoll,
        true,
    ),
    (
        "leave first, event before the poll",
        true,
        When::BeforeThePoll,
        true,
    ),
    ("leave first, event in the gap", true, When::InTheGap, true),
    (
        "leave first, event after the poll",
        true,
        When::AfterThePoll,
        true,
    ),
];

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        for (name, right, when, ends) in CASES {
            let ended = try_it(name, right, when).await;
            println!("{name}: {}", if ended { "ends" } else { "WAITS FOR GOOD" });
            assert_eq!(ended, ends);
        }
    });
    lab::show("17_lost_wakeup", &snapshot);

    println!("The event in the gap found no waker to wake, and the look was over.");
    println!("On one thread nothing runs between two lines, so there look-first is safe.");
    println!("Between threads use an `AtomicWaker`, and leave first.");

    // Leave the waker before you look, and no moment is left for the event to get lost in.
    let lost = "look first, event in the gap";
    assert_eq!(lab::polls(&snapshot, lost), [End::Pending, End::Cancelled]);
    assert!(lab::wakes(&snapshot, lost).is_empty());
    // The right order may cost a wake for nothing, never one too few.
    let right = "leave first, event in the gap";
    assert_eq!(lab::polls(&snapshot, right), [End::Ready]);
    assert_eq!(lab::wakes(&snapshot, right).len(), 1);
}

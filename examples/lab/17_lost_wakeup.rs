//! The lost wakeup: the event comes after the check and before the waker is stored.
//!
//! A future has to do two things before it returns `Pending`: check whether the event has happened,
//! and register its waker. In which order? With threads the event may happen between the two. Here
//! it happens there on purpose: `gap` runs between the steps, so each run is the same.
//!
//! Six tasks, one for each order and each moment. Look for the one that never ends. The recording
//! has two of them: those with the event in the gap.
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

/// Checks, then registers its waker: wrong.
async fn check_first(event: &Event, gap: impl Fn()) {
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

/// Registers its waker, then checks: right.
async fn register_first(event: &Event, gap: impl Fn()) {
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

/// Returns whether the task ends.
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
            true => register_first(&its, gap).await,
            false => check_first(&its, gap).await,
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
        "check first, event before the poll",
        false,
        When::BeforeThePoll,
        true,
    ),
    (
        "check first, event in the gap",
        false,
        When::InTheGap,
        false,
    ),
    (
        "check first, event after the poll",
        false,
        When::AfterThePoll,
        true,
    ),
    (
        "register first, event before the poll",
        true,
        When::BeforeThePoll,
        true,
    ),
    (
        "register first, event in the gap",
        true,
        When::InTheGap,
        true,
    ),
    (
        "register first, event after the poll",
        true,
        When::AfterThePoll,
        true,
    ),
];

async fn try_and_print((name, right, when, ends): (&'static str, bool, When, bool)) {
    let ended = try_it(name, right, when).await;
    println!("{name}: {}", if ended { "ends" } else { "WAITS FOREVER" });
    assert_eq!(ended, ends);
}

fn main() {
    println!("The event before or after the poll:");
    let (in_the_gap, others): (Vec<_>, Vec<_>) = CASES
        .into_iter()
        .partition(|(_, _, when, _)| *when == When::InTheGap);
    wakeful::block_on(async {
        for case in others {
            try_and_print(case).await;
        }
    });
    println!("The event in the gap between check and registration, recorded:");
    let snapshot = lab::record(Level::Wakes, async {
        for case in in_the_gap {
            try_and_print(case).await;
        }
    });
    lab::show("17_lost_wakeup", &snapshot);

    println!("The event in the gap had no waker to call, and the check was already done.");
    println!("On one thread nothing runs between the two steps, so either order is safe.");
    println!("Between threads use an `AtomicWaker`, and register first.");

    // An event after the registration wakes the task; one before it is seen by the check.
    let lost = "check first, event in the gap";
    assert_eq!(lab::polls(&snapshot, lost), [End::Pending, End::Cancelled]);
    assert!(lab::wakes(&snapshot, lost).is_empty());
    // In the right order a wake may be unnecessary, but none is missing.
    let right = "register first, event in the gap";
    assert_eq!(lab::polls(&snapshot, right), [End::Ready]);
    assert_eq!(lab::wakes(&snapshot, right).len(), 1);
}

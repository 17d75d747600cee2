//! Exercise 17: an event in the gap.
//!
//! What it should do: `poll_event` returns `Ready` if the event has happened. Otherwise it leaves
//! its waker with the event, which calls it. The event may happen at any moment, in another thread:
//! also between two lines of `poll_event`.
//!
//! Repair `poll_event`. It needs a change of a few lines.
//!
//! The question, to answer before you run it: in `main` the event happens between the two calls of
//! `poll_event`. What becomes of the task, before your repair?
//!
//! - a: it is woken, and ends
//! - b: it ends without being woken
//! - c: it waits forever
//!
//! Run it: `cargo run --example exercise_17`. Check it: `cargo run --example lab -- check 17`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wakeful::trace::{Level, mark};
use wakeful_lab as lab;

pub const ANSWER: char = '?';

/// Happens once. Its methods may be called while it happens in another thread.
pub trait Event {
    fn has_happened(&self) -> bool;

    /// Stores a clone of the waker. When the event happens, the waker is called.
    fn register(&self, waker: &Waker);
}

pub fn poll_event(event: &impl Event, cx: &mut Context<'_>) -> Poll<()> {
    if event.has_happened() {
        return Poll::Ready(());
    }
    event.register(cx.waker());
    Poll::Pending
}

/// Happens right after its method was called for the first time.
#[derive(Default)]
struct InTheGap {
    happened: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl InTheGap {
    fn happen(&self) {
        if !self.happened.replace(true) {
            mark("the event happens");
            if let Some(waker) = self.waiting.take() {
                waker.wake();
            }
        }
    }
}

impl Event for InTheGap {
    fn has_happened(&self) -> bool {
        let result = self.happened.get();
        self.happen();
        result
    }

    fn register(&self, waker: &Waker) {
        self.waiting.replace(Some(waker.clone()));
        self.happen();
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let event = Rc::new(InTheGap::default());
        let task = lab::spawn("task", poll_fn(move |cx| poll_event(&*event, cx)));
        lab::settle().await;
        println!(
            "The event has happened. The task has ended: {}.",
            task.is_finished()
        );
    });
    lab::show("exercise_17", &snapshot);
}

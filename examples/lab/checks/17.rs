//! Checks exercise 17.

#[cfg_attr(feature = "solutions", path = "../solutions/17.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/17.rs")]
mod program;

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use program::{Event, poll_event};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step, times};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        (
            'a',
            "The waker is registered after the event. What should call it?",
        ),
        (
            'b',
            "The check came before the event, and was not repeated.",
        ),
        (
            'c',
            "When the event happened, there was no waker to call. When the waker was registered, \
             the check was over.",
        ),
    ],
    shipped: "waits forever",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Happens after a number of calls of its methods.
#[derive(Default)]
struct AfterCalls {
    calls_left: Cell<Option<usize>>,
    calls: RefCell<Vec<&'static str>>,
    happened: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl AfterCalls {
    fn happen(&self) {
        self.calls.borrow_mut().push("THE EVENT");
        self.happened.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Notes a call, and lets the event happen if it was the last one before it.
    fn called(&self, name: &'static str) {
        self.calls.borrow_mut().push(name);
        let left = self.calls_left.get();
        self.calls_left.set(left.map(|left| left.wrapping_sub(1)));
        if left == Some(1) {
            self.happen();
        }
    }
}

impl Event for AfterCalls {
    fn has_happened(&self) -> bool {
        let result = self.happened.get();
        self.called("has_happened");
        result
    }

    fn register(&self, waker: &Waker) {
        self.waiting.replace(Some(waker.clone()));
        self.called("register");
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Wakes>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn check() -> Verdict {
    step("in `poll_event`");
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);

    // An event that happens later.
    let event = AfterCalls::default();
    let first = poll_event(&event, &mut context);
    ensure!(
        first.is_pending(),
        "The event has not happened, and the poll returned `Ready`."
    );
    let woken = wakes.0.load(SeqCst);
    ensure!(
        woken == 0,
        "The event has not happened, and the task was woken {}. It would be polled again and again.",
        times(woken)
    );
    event.happen();
    ensure!(
        wakes.0.load(SeqCst) == 1,
        "The event happened after the poll, and the task was not woken: it waits forever. The poll \
         returned `Pending` without a registration."
    );
    ensure!(
        poll_event(&event, &mut context).is_ready(),
        "The event has happened, and a poll after that returned `Pending`."
    );

    // An event between two calls of the poll: after the first, the second, and so on.
    for calls in 1..=6 {
        let event = AfterCalls::default();
        event.calls_left.set(Some(calls));
        let before = wakes.0.load(SeqCst);
        let result = poll_event(&event, &mut context);
        let woken = wakes.0.load(SeqCst) > before;
        let story = event.calls.borrow().join(", ");
        ensure!(
            !event.happened.get() || result == Poll::Ready(()) || woken,
            "The event happened during the poll: {story}. There was no waker to call, and the poll \
             returned `Pending`: the task waits forever."
        );
    }
    Ok(())
}

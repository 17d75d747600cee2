//! Exercise 03: `block_on` sleeps through a notification.
//!
//! What it should do: `block_on` polls its future, sleeps until the waker is called, and polls
//! again. It must not matter whether the waker is called during the sleep or before it, during the
//! poll. While the waker is not called, it must neither poll nor use the processor.
//!
//! Repair `Notify`; `block_on` is right. It needs a change of a few lines. As it is, the program
//! does not end: stop it with Ctrl-C.
//!
//! The question, to answer before you run it: how often does this program print `poll`, before your
//! repair?
//!
//! - a: never
//! - b: once
//! - c: three times
//! - d: again and again
//!
//! Run it: `cargo run --example exercise_03`. Check it: `cargo run --example lab -- check 03`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub const ANSWER: char = '?';

/// Polls a future until it is ready, and sleeps whenever it is not.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let notify = Arc::new(Notify::default());
    let waker = Waker::from(notify.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        println!("poll");
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        notify.wait();
    }
}

#[derive(Default)]
struct Notify {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Notify {
    fn wait(&self) {
        let mut notified = self.notified.lock().unwrap();
        *notified = false;
        while !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
    }
}

impl Wake for Notify {
    fn wake(self: Arc<Notify>) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

pub fn main() {
    // Wakes its task during the first two polls, and is ready at the third.
    let mut polls = 0;
    block_on(poll_fn(|cx| {
        polls += 1;
        if polls == 3 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    println!("ready at poll {polls}");
}

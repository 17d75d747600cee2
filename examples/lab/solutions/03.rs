//! The solution of exercise 03.
//!
//! `wait` cleared `notified` before it slept, and so forgot a notification that came before the
//! wait. It must be cleared after the sleep, when `wait` has made use of it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub const ANSWER: char = 'b';

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
        while !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
        *notified = false;
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

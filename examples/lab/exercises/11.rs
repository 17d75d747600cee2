//! Exercise 11: a pile of wakers.
//!
//! What it should do: any number of tasks can wait for the door. For each of them the door keeps
//! one waker, no matter how often the task is polled.
//!
//! Repair `opened`. It needs a change of a few lines. `Waker::will_wake` compares two wakers.
//!
//! The question, to answer before you run it: in `main`, the task `guest` polls the future of the
//! door five times before the program prints the number of wakers. Which number is that, before
//! your repair?
//!
//! - a: none
//! - b: one
//! - c: five
//!
//! Run it: `cargo run --example exercise_11`. Check it: `cargo run --example lab -- check 11`.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

#[derive(Default)]
pub struct Door {
    open: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Door {
    pub fn open(&self) {
        self.open.set(true);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until the door is open.
    pub async fn opened(&self) {
        poll_fn(|cx| {
            if self.open.get() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let door = Rc::new(Door::default());
        let its = door.clone();
        lab::spawn("guest", async move {
            let mut opened = pin!(its.opened());
            for _ in 0..5 {
                poll_fn(|cx| Poll::Ready(opened.as_mut().poll(cx).is_pending())).await;
                yield_now().await; // stands for another event that wakes the guest
            }
            opened.await;
        });
        for _ in 0..5 {
            yield_now().await;
        }
        println!("wakers: {}", door.waiting.borrow().len());
        lab::settle().await;
        door.open();
        lab::settle().await;
    });
    lab::show("exercise_11", &snapshot);
}

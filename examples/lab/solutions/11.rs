//! The solution of exercise 11.
//!
//! Each poll stored another clone. A clone is needed only if no waker is stored that wakes the same
//! task: `will_wake` says so.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'c';

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
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
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

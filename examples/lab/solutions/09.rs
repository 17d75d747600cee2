//! The solution of exercise 09.
//!
//! `waiting` was a variable of the poll. It had the only clone of the waker, and both were dropped
//! when the poll returned, so `ring` found no waker. The clone must be kept where `ring` looks for
//! it: in the bell.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

/// Rings once. One task can wait for it.
#[derive(Default)]
pub struct Bell {
    rang: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

impl Bell {
    pub fn ring(&self) {
        self.rang.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until the bell rings.
    pub async fn rung(&self) {
        poll_fn(|cx| {
            if self.rang.get() {
                return Poll::Ready(());
            }
            self.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let bell = Rc::new(Bell::default());
        let its = bell.clone();
        let guest = lab::spawn("guest", async move { its.rung().await });
        lab::settle().await;
        bell.ring();
        lab::settle().await;
        println!(
            "The bell rang. The guest has heard it: {}.",
            guest.is_finished()
        );
    });
    lab::show("exercise_09", &snapshot);
}

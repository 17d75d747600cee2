//! Exercise 09: the bell rings, and the guest does not hear it.
//!
//! What it should do: task `guest` waits in `Bell::rung`. When `ring` is called, the guest is woken
//! and polled, and ends. It is polled only for a reason: twice in all.
//!
//! Repair `Bell`; `main` is right. It needs a change of one line.
//!
//! The question, to answer before you run it: how often is `guest` polled by the program as it is
//! here, before your repair?
//!
//! - a: never
//! - b: once
//! - c: twice
//! - d: again and again, as long as the program runs
//!
//! Run it: `cargo run --example exercise_09`. Check it: `cargo run --example lab -- check 09`.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

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
            let mut waiting = self.waiting.take();
            waiting.replace(cx.waker().clone());
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

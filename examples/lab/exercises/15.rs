//! Exercise 15: a door that is believed to be open.
//!
//! What it should do: the future of `opened` is ready when its door is open, and not before,
//! whatever causes the poll.
//!
//! Repair `opened`. It needs a change of one or two lines.
//!
//! The question, to answer before you run it: one task waits for two doors with `join`. Only door 2
//! is opened. Which futures are ready after that, before your repair?
//!
//! - a: only that of door 2
//! - b: both
//! - c: neither
//!
//! Run it: `cargo run --example exercise_15`. Check it: `cargo run --example lab -- check 15`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::{Level, mark};
use wakeful_lab as lab;

pub const ANSWER: char = '?';

#[derive(Default)]
pub struct Door {
    open: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Door {
    pub fn open(&self) {
        self.open.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until the door is open.
    pub async fn opened(&self) {
        let mut waited = self.open.get();
        poll_fn(|cx| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            self.waiting.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let doors = Rc::new([Door::default(), Door::default()]);
        let its = doors.clone();
        lab::spawn("guest", async move {
            let first = async {
                its[0].opened().await;
                mark("door 1 is open");
            };
            let second = async {
                its[1].opened().await;
                mark("door 2 is open");
            };
            wakeful::join!(first, second);
        });
        lab::settle().await;
        doors[1].open();
        lab::settle().await;
    });
    lab::show("exercise_15", &snapshot);
}

//! The solution of exercise 15.
//!
//! A future may be polled before its event has happened: another future of the same task was woken.
//! So a poll must check the condition itself, and not that it is a later poll.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::{Level, mark};
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

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
        poll_fn(|cx| {
            if self.open.get() {
                return Poll::Ready(());
            }
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

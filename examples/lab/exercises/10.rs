//! Exercise 10: a board that wakes all readers.
//!
//! What it should do: a task that waits for a topic is woken when a letter on that topic is posted,
//! and by nothing else.
//!
//! Repair `Board`. It needs a change of a few lines.
//!
//! The question, to answer before you run it: in `main`, task `editor` posts two letters on sport
//! and then one on music. Which caller does the story name for the wakes of the reader of music,
//! before your repair?
//!
//! - a: `Board`, which has the waker
//! - b: `editor`, three times
//! - c: `editor`, once
//! - d: `main`, which has made the board
//!
//! Run it: `cargo run --example exercise_10`. Check it: `cargo run --example lab -- check 10`.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

/// Letters by topic, and the wakers of the tasks that wait for them.
#[derive(Default)]
pub struct Board {
    letters: RefCell<Vec<(&'static str, u32)>>,
    waiting: RefCell<Vec<(&'static str, Waker)>>,
}

impl Board {
    pub fn post(&self, topic: &'static str, letter: u32) {
        self.letters.borrow_mut().push((topic, letter));
        // The borrow ends before the wakes, as a waker may run code that uses the board.
        let waiting = self.waiting.take();
        for (_topic, waker) in waiting {
            waker.wake();
        }
    }

    /// Waits for a letter on a topic, and takes it.
    pub async fn read(&self, topic: &'static str) -> u32 {
        poll_fn(|cx| {
            let mut letters = self.letters.borrow_mut();
            let place = letters.iter().position(|letter| letter.0 == topic);
            if let Some(place) = place {
                return Poll::Ready(letters.remove(place).1);
            }
            let waker = cx.waker().clone();
            self.waiting.borrow_mut().push((topic, waker));
            Poll::Pending
        })
        .await
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let board = Rc::new(Board::default());
        for topic in ["sport", "music"] {
            let board = board.clone();
            lab::spawn(topic, async move { board.read(topic).await });
        }
        lab::spawn("editor", async move {
            for (topic, letter) in [("sport", 1), ("sport", 2), ("music", 3)] {
                board.post(topic, letter);
                yield_now().await;
            }
        });
        lab::settle().await;
    });
    lab::show("exercise_10", &snapshot);
}

//! Exercise 14: a reader that leaves letters in the box.
//!
//! What it should do: `read` waits until it has `count` letters. However many letters are posted
//! between two polls, the next poll takes all that it still needs. Further ones stay in the box.
//!
//! Repair `read`. It needs a change of one or two lines.
//!
//! The question, to answer before you run it: in `main` three letters are posted before the reader
//! runs again. How many of them has it read then, before your repair?
//!
//! - a: none
//! - b: one
//! - c: three
//!
//! Run it: `cargo run --example exercise_14`. Check it: `cargo run --example lab -- check 14`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

#[derive(Default)]
pub struct Letterbox {
    letters: RefCell<VecDeque<u32>>,
    reader: RefCell<Option<Waker>>,
}

impl Letterbox {
    pub fn post(&self, letter: u32) {
        self.letters.borrow_mut().push_back(letter);
        if let Some(waker) = self.reader.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Appends letters to `read` until it has `count`.
    pub async fn read(&self, read: &RefCell<Vec<u32>>, count: usize) {
        poll_fn(|cx| {
            self.reader.replace(Some(cx.waker().clone()));
            if let Some(letter) = self.letters.borrow_mut().pop_front() {
                read.borrow_mut().push(letter);
            }
            match read.borrow().len() >= count {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Clones, async {
        let letterbox = Rc::new(Letterbox::default());
        let read: Rc<RefCell<Vec<u32>>> = Rc::default();
        let (its, list) = (letterbox.clone(), read.clone());
        lab::spawn("reader", async move { its.read(&list, 3).await });
        lab::settle().await;
        for letter in 1..=3 {
            letterbox.post(letter);
        }
        lab::settle().await;
        println!("The reader has read {:?}.", read.borrow());
    });
    lab::show("exercise_14", &snapshot);
}

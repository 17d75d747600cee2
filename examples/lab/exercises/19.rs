//! Exercise 19: a word that a timeout tears in two.
//!
//! What it should do: `word` reads letters up to a space. It is cancel safe: if it is dropped while
//! it waits, the letters that it has read are not lost, and the next call of `word` continues.
//!
//! Repair `Reader`, its fields included. It needs a change of a few lines.
//!
//! The question, to answer before you run it: in `main` the letters `gut` come, and two seconds
//! later `en morgen `. A timeout drops the first call of `word` after one second. What does the
//! second call return, before your repair?
//!
//! - a: `guten`
//! - b: `en`
//! - c: `gut`
//! - d: `morgen`
//!
//! Run it: `cargo run --example exercise_19`. Check it: `cargo run --example lab -- check 19`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

#[derive(Default)]
pub struct Channel {
    letters: RefCell<VecDeque<char>>,
    reader: RefCell<Option<Waker>>,
}

impl Channel {
    pub fn send(&self, letters: &str) {
        self.letters.borrow_mut().extend(letters.chars());
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    /// Waits for a letter. Cancel safe: it takes a letter only when it returns it.
    async fn letter(&self) -> char {
        poll_fn(|cx| match self.letters.borrow_mut().pop_front() {
            Some(letter) => Poll::Ready(letter),
            None => {
                self.reader.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

pub struct Reader {
    channel: Rc<Channel>,
}

impl Reader {
    pub fn new(channel: Rc<Channel>) -> Reader {
        Reader { channel }
    }

    /// Reads a word, up to a space.
    pub async fn word(&mut self) -> String {
        let mut word = String::new();
        loop {
            match self.channel.letter().await {
                ' ' => return word,
                letter => word.push(letter),
            }
        }
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        let channel = Rc::new(Channel::default());
        let its = channel.clone();
        lab::spawn("writer", async move {
            its.send("gut");
            sleep(Duration::from_secs(2)).await;
            its.send("en morgen ");
        });
        let mut reader = Reader::new(channel);
        let first = timeout(Duration::from_secs(1), reader.word()).await;
        println!("first call: {first:?}");
        println!("second call: {:?}", reader.word().await);
    });
    lab::show("exercise_19", &snapshot);
}

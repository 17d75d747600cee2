//! The solution of exercise 19.
//!
//! The letters that were read were in a local variable of the future, which the timeout dropped.
//! They belong into the reader, which lives on. `take` leaves an empty string for the next word.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

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
    word: String,
}

impl Reader {
    pub fn new(channel: Rc<Channel>) -> Reader {
        let word = String::new();
        Reader { channel, word }
    }

    /// Reads a word, up to a space.
    pub async fn word(&mut self) -> String {
        loop {
            match self.channel.letter().await {
                ' ' => return std::mem::take(&mut self.word),
                letter => self.word.push(letter),
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

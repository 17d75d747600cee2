//! Exercise 32: a full queue that does not slow down its producer.
//!
//! What it should do: `produce` makes messages with `make` and sends them. While the channel is
//! full it makes no more, so that at most one message waits outside of the channel. It returns when
//! it has sent `count` messages, or when the receiver is gone.
//!
//! Repair `produce`. It needs a change of a few lines.
//!
//! The question, to answer before you run it: in `main` the channel has 2 places, and nothing is
//! received yet. How many of the 10 messages are made, before your repair?
//!
//! - a: 2
//! - b: 3
//! - c: 10
//! - d: more and more, until the memory is used up
//!
//! Run it: `cargo run --example exercise_32`. Check it: `cargo run --example lab -- check 32`.

use std::cell::Cell;
use std::rc::Rc;

use wakeful::sync::mpsc::{self, Sender};
use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

/// Makes `count` messages and sends them.
pub async fn produce(sender: Sender<u32>, mut make: impl FnMut() -> u32, count: usize) {
    for _ in 0..count {
        let message = make();
        let sender = sender.clone();
        // Its own task, so that the producer never waits.
        wakeful::spawn(async move {
            let _ = sender.send(message).await;
        });
        yield_now().await;
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let (sender, mut receiver) = mpsc::channel(2);
        let made = Rc::new(Cell::new(0));
        let its = made.clone();
        let make = move || {
            its.set(its.get() + 1);
            its.get()
        };
        lab::spawn("producer", produce(sender, make, 10));
        lab::settle().await;
        println!("made before the first is received: {}", made.get());
        while let Some(message) = receiver.recv().await {
            println!("received: {message}");
        }
    });
    lab::show("exercise_32", &snapshot);
}

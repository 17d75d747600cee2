//! The solution of exercise 32.
//!
//! A task for each message waits in the place of the producer, so the tasks are a queue without a
//! limit. The producer has to wait itself: it awaits `send`, which is ready when there is a place.

use std::cell::Cell;
use std::rc::Rc;

use wakeful::sync::mpsc::{self, Sender};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'c';

/// Makes `count` messages and sends them.
pub async fn produce(sender: Sender<u32>, mut make: impl FnMut() -> u32, count: usize) {
    for _ in 0..count {
        if sender.send(make()).await.is_err() {
            return;
        }
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

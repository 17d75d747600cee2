//! The solution of exercise 33.
//!
//! A branch of `select!` that is made in the loop is made anew in each round, and the old one is
//! dropped. The time limit is one for all rounds, so the sleep is made before the loop, and the
//! branch is a reference to it.

use std::pin::pin;
use std::time::Duration;

use wakeful::sync::mpsc::{self, Receiver};
use wakeful::time::{Instant, pause, sleep};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'c';

pub const LIMIT: Duration = Duration::from_secs(5);

/// Receives messages for five seconds.
pub async fn collect(receiver: &mut Receiver<u32>) -> Vec<u32> {
    let mut messages = Vec::new();
    let mut limit = pin!(sleep(LIMIT));
    loop {
        wakeful::select! {
            Some(message) = receiver.recv() => messages.push(message),
            () = &mut limit => return messages,
        }
    }
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        pause(); // the clock jumps to the next timer
        let (sender, mut receiver) = mpsc::channel(100);
        lab::spawn("sender", async move {
            for message in 1..=20 {
                sleep(Duration::from_secs(1)).await;
                let _ = sender.send(message).await;
            }
        });
        let start = Instant::now();
        let messages = collect(&mut receiver).await;
        let seconds = start.elapsed().as_secs();
        println!("{} messages in {seconds} s", messages.len());
    });
    lab::show("exercise_33", &snapshot);
}

//! Exercise 33: a deadline that moves away.
//!
//! What it should do: `collect` receives messages for five seconds and returns them. Later messages
//! remain in the channel.
//!
//! Repair `collect`. It needs a change of a few lines.
//!
//! The question, to answer before you run it: in `main` a message comes each second, 20 in all, and
//! then none. After how many seconds does `collect` return, before your repair?
//!
//! - a: 5
//! - b: 20
//! - c: 25
//! - d: never
//!
//! Run it: `cargo run --example exercise_33`. Check it: `cargo run --example lab -- check 33`.

use std::time::Duration;

use wakeful::sync::mpsc::{self, Receiver};
use wakeful::time::{Instant, pause, sleep};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

pub const LIMIT: Duration = Duration::from_secs(5);

/// Receives messages for five seconds.
pub async fn collect(receiver: &mut Receiver<u32>) -> Vec<u32> {
    let mut messages = Vec::new();
    loop {
        wakeful::select! {
            Some(message) = receiver.recv() => messages.push(message),
            () = sleep(LIMIT) => return messages,
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

//! The solution of exercise 08.
//!
//! Calling `fetch` created two futures and ran nothing of them. The second one was polled only when
//! the first one had ended. `join!` polls both. Two tasks do so, too: `spawn` queues each, and both
//! sleep at the same time.

use std::time::Duration;

use wakeful::time::{Instant, pause, sleep};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

/// Fetches a letter, which takes a second.
pub async fn fetch(letter: u32, start: Instant) -> u32 {
    println!(
        "fetch {letter} begins after {} s",
        start.elapsed().as_secs()
    );
    sleep(Duration::from_secs(1)).await;
    letter
}

/// Fetches both letters at the same time.
pub async fn fetch_both(start: Instant) -> (u32, u32) {
    wakeful::join!(fetch(1, start), fetch(2, start))
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        let start = Instant::now();
        let letters = fetch_both(start).await;
        println!("{letters:?} after {} s", start.elapsed().as_secs());
    });
    lab::show("exercise_08", &snapshot);
}

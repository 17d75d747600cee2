//! Exercise 08: two letters that are fetched one after the other.
//!
//! What it should do: `fetch_both` fetches two letters at the same time, each takes a second, so
//! both take a second.
//!
//! Repair `fetch_both`; `fetch` is right. It needs a change of one or two lines. The clock of
//! `main` is paused and jumps to the next timer, so a second takes no time.
//!
//! The question, to answer before you run it: at which time does the program print `fetch 2
//! begins`, before your repair?
//!
//! - a: after 0 s
//! - b: after 1 s
//! - c: after 2 s
//!
//! Run it: `cargo run --example exercise_08`. Check it: `cargo run --example lab -- check 08`.

use std::time::Duration;

use wakeful::time::{Instant, pause, sleep};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

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
    let first = fetch(1, start);
    let second = fetch(2, start);
    (first.await, second.await)
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

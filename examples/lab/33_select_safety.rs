//! Which futures may be a branch of `select!` in a loop? Those that lose nothing when dropped.
//!
//! `select!` polls its branches until one is ready, and then drops the futures of the others. In a
//! loop this happens again and again: here a clock ticks while a word arrives in two halves, and
//! with each tick the reading is dropped.
//!
//! - `read_word` keeps the letters in a local variable, so a drop loses them. It is not cancel
//!   safe.
//! - Made once before the loop and borrowed by `select!`, the same future is never dropped.
//! - `Reader::word` keeps the letters in the reader. The future that is dropped has nothing that is
//!   not kept elsewhere: it is cancel safe.
//!
//! Whether a future is cancel safe is not in its type. Its documentation should say so: that of
//! `mpsc::Receiver::recv` does, and `AsyncReadExt::read_exact` is the best known one that is not.
//!
//! The clock is paused in this lesson and jumps to the next timer.
//!
//! `cargo run --example lab_33_select_safety`; then exercise 33, `exercises/33.rs`.

use std::pin::pin;
use std::time::Duration;

use wakeful::sync::mpsc::{self, Receiver};
use wakeful::time::{interval, pause, sleep};
use wakeful::trace::{Level, Origin, mark};
use wakeful_lab as lab;

const TICK: Duration = Duration::from_secs(1);

/// Not cancel safe: the letters that were received are lost if it is dropped before the end.
async fn read_word(letters: &mut Receiver<char>) -> String {
    let mut word = String::new();
    while let Some(letter) = letters.recv().await {
        word.push(letter);
    }
    word
}

struct Reader {
    letters: Receiver<char>,
    word: String,
}

impl Reader {
    /// Cancel safe: `recv` is, and each letter goes to `self` before the next `.await`.
    async fn word(&mut self) -> String {
        while let Some(letter) = self.letters.recv().await {
            self.word.push(letter);
        }
        std::mem::take(&mut self.word)
    }
}

/// Returns a channel to which a task sends "hel", after one and a half ticks "lo", and the end.
fn writer() -> Receiver<char> {
    let (sender, receiver) = mpsc::channel(8);
    lab::spawn("writer", async move {
        for letter in "hel".chars() {
            sender.send(letter).await.expect("it is received");
        }
        sleep(TICK * 3 / 2).await;
        for letter in "lo".chars() {
            sender.send(letter).await.expect("it is received");
        }
    });
    receiver
}

async fn dropped() -> (String, u32) {
    let (mut letters, mut clock, mut ticks) = (writer(), interval(TICK), 0);
    loop {
        // A new future in each round: the old one was dropped when the clock ticked.
        wakeful::select! {
            word = read_word(&mut letters) => return (word, ticks),
            _ = clock.tick() => ticks += 1,
        }
    }
}

async fn kept() -> (String, u32) {
    let (mut letters, mut clock, mut ticks) = (writer(), interval(TICK), 0);
    let mut word = pin!(read_word(&mut letters));
    loop {
        // The branch is a reference: dropping it drops nothing else.
        wakeful::select! {
            word = &mut word => return (word, ticks),
            _ = clock.tick() => ticks += 1,
        }
    }
}

async fn safe() -> (String, u32) {
    let (letters, word) = (writer(), String::new());
    let (mut reader, mut clock, mut ticks) = (Reader { letters, word }, interval(TICK), 0);
    loop {
        wakeful::select! {
            word = reader.word() => return (word, ticks),
            _ = clock.tick() => ticks += 1,
        }
    }
}

fn main() {
    // `select!` begins with a random branch. With a seed each run is the same.
    let builder = wakeful::Builder::new().trace_level(Level::Wakes);
    let runtime = builder
        .rng_seed(1)
        .build()
        .expect("a runtime can be created");
    runtime.block_on(async {
        pause();
        mark("a new future in each round");
        let (word, ticks) = dropped().await;
        println!("a new future in each round:   {word:?}, {ticks} ticks; the rest was dropped");
        assert_eq!((&*word, ticks), ("lo", 2));

        mark("one future for all rounds");
        let (word, ticks) = kept().await;
        println!("one future for all rounds:    {word:?}, {ticks} ticks");
        assert_eq!((&*word, ticks), ("hello", 2));

        mark("a future that is cancel safe");
        let (word, ticks) = safe().await;
        println!("a future that is cancel safe: {word:?}, {ticks} ticks");
        assert_eq!((&*word, ticks), ("hello", 2));
    });
    let snapshot = runtime.enter(wakeful::trace::snapshot);
    lab::show("33_select_safety", &snapshot);

    println!("For each branch ask: if it is dropped after its last `.await`, what is gone?");

    // In all three runs `main` was woken for both halves.
    let woken = lab::wakes(&snapshot, "main");
    let letters = woken
        .iter()
        .filter(|(from, _)| matches!(from, Origin::Task(_)));
    assert!(letters.count() >= 3 * 2);
}

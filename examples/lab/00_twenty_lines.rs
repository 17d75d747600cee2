//! An event loop in 20 lines: one queue of events, one place to wait, one handler at a time.
//!
//! Two visitors connect, speak and leave, and one thread serves both. Here the events come through
//! a channel, from a thread that plays both visitors, so that each run is the same. In lesson 01
//! they come from the kernel. That takes more code, but the two steps are the same.
//!
//! Look at the two steps of `run`. It waits in one place, for all visitors at once. And while it
//! handles an event it does nothing else, so the handlers need no locks.
//!
//! `cargo run --example lab_00_twenty_lines`

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

enum Event {
    Connects,
    Says(&'static str),
    Leaves,
}

/// Serves the visitors until no more events can come. Returns how many words each has said.
fn run(events: Receiver<(&str, Event)>) -> BTreeMap<&str, usize> {
    let mut words = BTreeMap::new();
    // 1. Get an event, of any visitor. This is the only place where the loop sleeps.
    for (visitor, event) in events {
        // 2. Handle it, without waiting for anything.
        match event {
            Event::Connects => {
                words.insert(visitor, 0);
                println!("{visitor} connects");
            }
            Event::Says(word) => {
                *words.get_mut(visitor).unwrap() += 1;
                println!("{visitor} says {word:?}");
            }
            Event::Leaves => println!("{visitor} leaves"),
        }
    }
    words
}

fn main() {
    let (network, events) = channel();
    let visitors = thread::spawn(move || {
        use Event::{Connects, Leaves, Says};
        let (ada, bob) = ("Ada", "Bob");
        network.send((ada, Connects)).unwrap();
        network.send((ada, Says("well"))).unwrap();
        network.send((bob, Connects)).unwrap();
        network.send((bob, Says("hello"))).unwrap();
        network.send((bob, Leaves)).unwrap();
        network.send((ada, Says("let me think"))).unwrap();
        network.send((ada, Leaves)).unwrap();
    }); // the thread drops the sender, and so ends the loop

    let words = run(events);
    visitors.join().expect("the visitors do not panic");
    println!("\nWhat each said: {words:?}");
    let lines = length_of_run();
    println!("The loop has {lines} lines, comments left out. One thread has served both visitors.");
    println!("Bob came and left while Ada was still thinking.");

    // One loop serves all visitors, in the order of the events.
    assert_eq!(words, BTreeMap::from([("Ada", 2), ("Bob", 1)]));
    assert!(lines <= 20);
}

/// Counts the lines of `run` in this file.
fn length_of_run() -> usize {
    let source = include_str!("00_twenty_lines.rs").lines();
    let from = source.skip_while(|line| !line.starts_with("fn run"));
    let body = from.take_while(|line| !line.starts_with("fn main"));
    let code = body.filter(|line| !line.trim_start().starts_with("//"));
    code.filter(|line| !line.is_empty()).count()
}

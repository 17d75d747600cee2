//! Exercise 00: a handler that waits.
//!
//! What it should do: each visitor connects, and later says a name. The loop greets a visitor once,
//! when the name comes, with its own name. Events of other visitors may come in between. What a
//! visitor says after its name is ignored, and so is what is said before it connects.
//!
//! Repair `run`. It needs a change of a few lines: the handlers must not wait for events, and so
//! the loop has to remember something between two events.
//!
//! The question, to answer before you run it: which greetings does this program print, before your
//! repair?
//!
//! - a: `1: hello, ada` and `2: hello, bob`
//! - b: `1: hello, bob`
//! - c: `2: hello, bob`
//! - d: none
//!
//! Run it: `cargo run --example exercise_00`. Check it: `cargo run --example lab -- check 00`.

use std::sync::mpsc::{Receiver, channel};

pub const ANSWER: char = '?';

pub enum Event {
    Connects,
    Says(&'static str),
}

/// Serves visitors, which have numbers, until no more events can come. Returns the greetings.
pub fn run(events: Receiver<(u32, Event)>) -> Vec<String> {
    let mut greetings = Vec::new();
    while let Ok((visitor, event)) = events.recv() {
        match event {
            Event::Connects => {
                // The name comes next.
                if let Ok((_, Event::Says(name))) = events.recv() {
                    greetings.push(format!("{visitor}: hello, {name}"));
                }
            }
            Event::Says(_) => {}
        }
    }
    greetings
}

pub fn main() {
    let (network, events) = channel();
    network.send((1, Event::Connects)).unwrap();
    network.send((2, Event::Connects)).unwrap();
    network.send((2, Event::Says("bob"))).unwrap();
    network.send((1, Event::Says("ada"))).unwrap();
    drop(network);
    for greeting in run(events) {
        println!("{greeting}");
    }
}

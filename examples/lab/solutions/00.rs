//! The solution of exercise 00.
//!
//! The handler of `Connects` took the next event out of the queue, whatever it was. Here it was the
//! connection of the other visitor, and both were lost. A handler handles one event; what it needs
//! later is kept by the loop, here the visitors that have not said their names.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, channel};

pub const ANSWER: char = 'd';

pub enum Event {
    Connects,
    Says(&'static str),
}

/// Serves visitors, which have numbers, until no more events can come. Returns the greetings.
pub fn run(events: Receiver<(u32, Event)>) -> Vec<String> {
    let mut greetings = Vec::new();
    let mut nameless = HashSet::new();
    while let Ok((visitor, event)) = events.recv() {
        match event {
            Event::Connects => {
                nameless.insert(visitor);
            }
            Event::Says(name) => {
                if nameless.remove(&visitor) {
                    greetings.push(format!("{visitor}: hello, {name}"));
                }
            }
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

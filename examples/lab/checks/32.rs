//! Checks exercise 32.

#[cfg_attr(feature = "solutions", path = "../solutions/32.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/32.rs")]
mod program;

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use program::produce;
use wakeful::sync::mpsc;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, step};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        (
            'a',
            "These are in the channel. Where are the others? What does `produce` wait for?",
        ),
        (
            'b',
            "So it should be: two in the channel, and one that waits. What does `produce` wait for?",
        ),
        (
            'c',
            "`produce` waits for nothing: eight tasks wait in its place, each with a message. The \
             queue has moved from the channel to the tasks.",
        ),
        ('d', "`count` is 10."),
    ],
    shipped: "were made",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

const CAPACITY: usize = 3;
const COUNT: u32 = 20;

/// What the check has seen.
#[derive(Default)]
struct Seen {
    /// The messages made while nothing was received.
    at_first: u32,
    /// The largest number of messages that were made and not received.
    ahead: u32,
    received: Vec<u32>,
    ended: bool,
    ended_without_receiver: bool,
}

fn look() -> Seen {
    wakeful::block_on(async {
        let mut seen = Seen::default();
        let made = Rc::new(Cell::new(0));
        let counter = |made: &Rc<Cell<u32>>| {
            let made = made.clone();
            move || {
                made.set(made.get() + 1);
                made.get()
            }
        };
        let (sender, mut receiver) = mpsc::channel(CAPACITY);
        let producer = wakeful::spawn(produce(sender, counter(&made), COUNT as usize));
        let_run().await;
        seen.at_first = made.get();
        step("while the messages were received");
        while let Some(message) = receiver.recv().await {
            seen.received.push(message);
            let_run().await;
            seen.ahead = seen.ahead.max(made.get() - seen.received.len() as u32);
        }
        let_run().await;
        seen.ended = producer.is_finished();

        let (sender, receiver) = mpsc::channel(CAPACITY);
        let producer = wakeful::spawn(produce(sender, counter(&made), COUNT as usize));
        let_run().await;
        drop(receiver);
        let_run().await;
        seen.ended_without_receiver = producer.is_finished();
        seen
    })
}

fn check() -> Verdict {
    let seen = look();
    let limit = CAPACITY as u32 + 1;
    ensure!(
        seen.at_first <= limit,
        "The channel has {CAPACITY} places and nothing was received, but {} messages were made: \
         nothing slows the producer down.",
        seen.at_first
    );
    ensure!(
        seen.at_first >= CAPACITY as u32,
        "The channel has {CAPACITY} places, but only {} messages were made before one was received.",
        seen.at_first
    );
    ensure!(
        seen.received == (1..=COUNT).collect::<Vec<_>>(),
        "{COUNT} messages should be received in their order, but these were: {:?}.",
        seen.received
    );
    ensure!(
        seen.ahead <= limit,
        "With {CAPACITY} places in the channel, up to {} messages were made and not received.",
        seen.ahead
    );
    ensure!(
        seen.ended,
        "All messages were received, and `produce` still waits."
    );
    ensure!(
        seen.ended_without_receiver,
        "The receiver is gone, and `produce` still waits."
    );
    Ok(())
}

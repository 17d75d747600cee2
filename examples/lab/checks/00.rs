//! Checks exercise 00.

#[cfg_attr(feature = "solutions", path = "../solutions/00.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/00.rs")]
mod program;

use std::process::ExitCode;
use std::sync::mpsc::channel;

use program::Event::{self, Connects, Says};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'd',
    replies: &[
        (
            'a',
            "So it should be. But which event does the `recv` inside of the handler return first?",
        ),
        (
            'b',
            "That would need `Says` as the event after the first `Connects`. Which one is it?",
        ),
        (
            'c',
            "The second `Connects` is not handled by `match`: the handler of the first has taken it.",
        ),
        (
            'd',
            "The handler of the first `Connects` takes the second one and drops it. The names come \
             when no handler waits for them.",
        ),
    ],
    shipped: "takes an event that belongs to another visitor",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn greetings(events: Vec<(u32, Event)>) -> Vec<String> {
    let (network, queue) = channel();
    for event in events {
        network.send(event).unwrap();
    }
    drop(network);
    program::run(queue)
}

fn check() -> Verdict {
    step("in `run`, after all visitors have left");
    let one = greetings(vec![(7, Connects), (7, Says("eve"))]);
    ensure!(
        one == ["7: hello, eve"],
        "One visitor connects and says `eve`. The greetings were {one:?}."
    );
    let two = greetings(vec![
        (1, Connects),
        (2, Connects),
        (2, Says("bob")),
        (1, Says("ada")),
    ]);
    ensure!(
        two == ["2: hello, bob", "1: hello, ada"],
        "Visitor 1 connects, then visitor 2; 2 says `bob`, then 1 says `ada`. The greetings were \
         {two:?}, not one for each, in the order of the names. A handler that calls `recv` takes \
         an event that belongs to another visitor."
    );
    let twice = greetings(vec![(1, Connects), (1, Says("ada")), (1, Says("bye"))]);
    ensure!(
        twice == ["1: hello, ada"],
        "A visitor said its name and then `bye`. The greetings were {twice:?}, not one."
    );
    let early = greetings(vec![(1, Says("psst")), (1, Connects), (1, Says("ada"))]);
    ensure!(
        early == ["1: hello, ada"],
        "A visitor said `psst` before it connected. The greetings were {early:?}."
    );
    Ok(())
}

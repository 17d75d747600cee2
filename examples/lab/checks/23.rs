//! Checks exercise 23.

#[cfg_attr(feature = "solutions", path = "../solutions/23.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/23.rs")]
mod program;

use std::process::ExitCode;

use program::Letters;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict};

const EXERCISE: Exercise = Exercise {
    answer: 'a',
    replies: &[
        (
            'a',
            "The value is at another address then, and the stored address is where it was before.",
        ),
        (
            'b',
            "That moves the pointer to the value. The value stays where it is, on the heap.",
        ),
        (
            'c',
            "One of them moves the value, the other one moves only a pointer to it.",
        ),
        (
            'd',
            "The address of the next letter is stored. What is at that address after a move?",
        ),
    ],
    shipped: "After a move",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    let mut letters = Letters::new(*b"pinned");
    let all: String = (0..6).map_while(|_| letters.next_letter()).collect();
    ensure!(
        all == "pinned",
        "Without a move, the letters of \"pinned\" are {all:?}."
    );
    ensure!(
        letters.next_letter().is_none(),
        "After the last letter comes another one."
    );

    // Moves after each number of letters.
    for before in 0..=6 {
        let mut letters = Letters::new(*b"pinned");
        let mut all: String = (0..before).map_while(|_| letters.next_letter()).collect();
        // The other value is moved as well, so its text must not be read.
        let mut other = Letters::new(*b"other!");
        other.next_letter();
        std::mem::swap(&mut letters, &mut other);
        let mut boxed = Box::new(other);
        all.extend((before..6).map_while(|_| boxed.next_letter()));
        ensure!(
            all == "pinned",
            "After a move that came after {before} letters, the text \"pinned\" was read as {all:?}. \
             What is stored in the value must stay right when the value is moved."
        );
    }
    Ok(())
}

//! Checks exercise 25.

#[cfg_attr(feature = "solutions", path = "../solutions/25.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/25.rs")]
mod program;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use program::{Input, read_line};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, times};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        (
            'a',
            "So it should be. But follow `ad`: the first callback gets it as `piece`. What does it \
             pass to the second callback?",
        ),
        (
            'b',
            "`then` is called by the callback that gets the newline, with `line + end`. What is \
             `end`?",
        ),
        (
            'c',
            "The first callback passes the empty line on, without `ad`. The second adds `a` to it.",
        ),
        (
            'd',
            "The first callback makes a second one, which gets the newline and calls `then`.",
        ),
    ],
    shipped: "What of a piece without a newline",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Returns the lines with which `then` was called, and whether each piece had a callback.
fn read(pieces: &[&str]) -> (Vec<String>, Vec<bool>) {
    let (input, lines) = (Input::default(), Rc::new(RefCell::new(Vec::new())));
    let all = lines.clone();
    read_line(&input, String::new(), move |line| {
        all.borrow_mut().push(line)
    });
    let waited = pieces.iter().map(|piece| input.piece(piece)).collect();
    (lines.take(), waited)
}

fn check() -> Verdict {
    let cases: [&[&str]; 5] = [
        &["bob\n"],
        &["ad", "a\n"],
        &["a", "d", "a", "\n"],
        &["", "x\n"],
        &["\n"],
    ];
    for pieces in cases {
        let (lines, waited) = read(pieces);
        ensure!(
            waited.iter().all(|waited| *waited),
            "The pieces {pieces:?} came, and no callback was waiting for one of them. The loop calls \
             a callback once. If the line is not complete, pass the next callback to it."
        );
        ensure!(
            lines.len() == 1,
            "The pieces {pieces:?} came, and `then` was called {}, not once.",
            times(lines.len())
        );
        let expected = pieces.concat();
        ensure!(
            lines[0] == expected.trim_end(),
            "The pieces {pieces:?} came, and `then` got the line {:?}. What of a piece without a \
             newline does the next callback get?",
            lines[0]
        );
    }
    let (lines, _) = read(&["ad"]);
    ensure!(
        lines.is_empty(),
        "The piece \"ad\" came, without a newline, and `then` was called already, with {lines:?}."
    );
    Ok(())
}

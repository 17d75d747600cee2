//! Checks exercise 24.

#[cfg_attr(feature = "solutions", path = "../solutions/24.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/24.rs")]
mod program;

use std::process::ExitCode;

use program::{Watcher, counters};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        (
            'a',
            "So it should be. But which descriptors are in the set when the second call begins?",
        ),
        (
            'b',
            "Descriptor 1 stays readable, as its counter is not read. And is 0 in the set?",
        ),
        (
            'c',
            "The first call leaves only descriptor 1 in the set, so the second call checks only 1.",
        ),
        (
            'd',
            "The first call does not empty the set: it leaves in it what is ready.",
        ),
    ],
    shipped: "Which descriptors were in the set",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    let mut watcher = Watcher::new(counters(3));
    watcher.raise(1);
    let first = watcher.ready();
    ensure!(
        first == [1],
        "Descriptor 1 of three was readable, and `ready` returned {first:?}."
    );
    watcher.raise(0);
    let second = watcher.ready();
    ensure!(
        second == [0, 1],
        "After the first call, descriptor 0 became readable as well. The second call returned \
         {second:?}, not [0, 1]. Which descriptors were in the set that `select` got?"
    );

    let mut watcher = Watcher::new(counters(3));
    let none = watcher.ready();
    ensure!(
        none.is_empty(),
        "No descriptor was readable, and `ready` returned {none:?}."
    );
    watcher.raise(2);
    let late = watcher.ready();
    ensure!(
        late == [2],
        "The first call found nothing. Then descriptor 2 became readable, and the second call \
         returned {late:?}."
    );
    Ok(())
}

//! Checks exercise 08.

#[cfg_attr(feature = "solutions", path = "../solutions/08.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/08.rs")]
mod program;

use std::process::ExitCode;

use wakeful::time::{Instant, pause};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        ('a', "The future is created then. But which line polls it?"),
        (
            'b',
            "A future does nothing until it is polled. `second` is polled for the first time by \
             its `.await`, and that comes after the end of `first`.",
        ),
        ('c', "It ends at this time. Each of the two takes a second."),
    ],
    shipped: "It took 2 s",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    step("in `fetch_both`");
    let (letters, seconds) = wakeful::block_on(async {
        pause();
        let start = Instant::now();
        let letters = program::fetch_both(start).await;
        (letters, start.elapsed().as_secs_f32())
    });
    ensure!(
        letters == (1, 2),
        "The letters are {letters:?}, not (1, 2)."
    );
    ensure!(
        seconds >= 0.9,
        "Both letters were there after {seconds} s, but each takes a second: `fetch` must be called."
    );
    ensure!(
        seconds < 1.5,
        "It took {seconds:.0} s. The second fetch began when the first one had ended: to create a \
         future does not run it."
    );
    Ok(())
}

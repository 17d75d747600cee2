//! Checks exercise 08.

#[cfg_attr(feature = "solutions", path = "../solutions/08.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/08.rs")]
mod program;

use std::process::ExitCode;

use wakeful::time::{Instant, pause};
use wakeful::trace::{Kind, Level};
use wakeful_lab::exercise::{Exercise, Verdict, step, times};
use wakeful_lab::{self as lab, ensure};

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
    let (mut letters, mut seconds) = ((0, 0), 0.0);
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        let start = Instant::now();
        letters = program::fetch_both(start).await;
        seconds = start.elapsed().as_secs_f32();
    });
    let kinds = snapshot.events().iter().map(|event| &event.kind);
    let sleeps = kinds
        .filter(|kind| matches!(kind, Kind::TimerArm { .. }))
        .count();
    ensure!(
        letters == (1, 2),
        "The letters are {letters:?}, not (1, 2)."
    );
    ensure!(
        sleeps == 2,
        "Both letters were there after {seconds:.0} s, but `fetch` must run twice, and has run {}.",
        times(sleeps)
    );
    ensure!(
        seconds < 1.5,
        "It took {seconds:.0} s. The second fetch began when the first one had ended: to create a \
         future does not run it."
    );
    Ok(())
}

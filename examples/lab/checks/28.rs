//! Checks exercise 28.

#[cfg_attr(feature = "solutions", path = "../solutions/28.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/28.rs")]
mod program;

use std::process::ExitCode;
use std::sync::atomic::Ordering::SeqCst;

use program::{REPORTED, REPORTS, install, interrupt, run};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "So it should be. But when does the handler run, if the signal comes in the middle of a \
             transfer?",
        ),
        (
            'b',
            "The handler runs inside `interrupt`. At that moment 10 have left the first account and \
             have not reached the second.",
        ),
        (
            'c',
            "The money leaves the first account before it reaches the second.",
        ),
        (
            'd',
            "`main` sends a signal, and the handler makes a report.",
        ),
    ],
    shipped: "The report was made in the middle of a transfer",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    step("in `run`");
    install();
    let reports = || REPORTS.load(SeqCst);
    let during = std::cell::Cell::new(0);
    run(3, |transfer| {
        if transfer == 1 {
            interrupt();
            during.set(reports());
        }
    });
    ensure!(
        during.get() == 0,
        "The report was made in the middle of a transfer, by the handler. The sum in it was {}.",
        REPORTED.load(SeqCst)
    );
    ensure!(
        reports() == 1,
        "One signal came during three transfers, and {} reports were made.",
        reports()
    );
    ensure!(
        REPORTED.load(SeqCst) == 100,
        "The reported sum was {}, not 100.",
        REPORTED.load(SeqCst)
    );

    let before_next = std::cell::Cell::new(0);
    run(2, |transfer| match transfer {
        0 => {
            interrupt();
            interrupt();
        }
        _ => before_next.set(reports()),
    });
    ensure!(
        before_next.get() == 2,
        "A signal came during a transfer. The next transfer began before the report was made."
    );
    ensure!(
        reports() == 2,
        "Two signals came during one transfer, and {} reports were made, not one.",
        reports() - 1
    );

    run(2, |transfer| {
        if transfer == 1 {
            interrupt();
        }
    });
    ensure!(
        reports() == 3,
        "A signal came during the last transfer, and `run` returned without a report."
    );
    run(2, |_| ());
    ensure!(
        reports() == 3,
        "No signal came, and a report was made nevertheless."
    );
    Ok(())
}

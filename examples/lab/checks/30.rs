//! Checks exercise 30.

#[cfg_attr(feature = "solutions", path = "../solutions/30.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/30.rs")]
mod program;

use std::process::ExitCode;

use program::{PAGE, PAGES, faults, table};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "New memory from the kernel is zero already, so `vec!` need not write to it.",
        ),
        (
            'b',
            "The first access to each page is a fault, and this loop has it.",
        ),
        (
            'c',
            "`table` has no `.await`, so it is ready at the first poll. Nothing waits.",
        ),
        (
            'd',
            "By then each page has been written to, and exists. A later access is no fault.",
        ),
    ],
    shipped: "page faults of the loop's thread",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    // Pages of 4 KiB only. With huge pages, one fault would be for 512 pages.
    // SAFETY: sets a flag of the process.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
    step("in `table`");
    let (pages, loop_faults, read_faults) = wakeful::block_on(async {
        let before = faults();
        let table = table().await;
        let ready = faults();
        let pages = table
            .iter()
            .step_by(PAGE)
            .filter(|byte| **byte == 1)
            .count();
        (pages, ready - before, faults() - ready)
    });
    ensure!(
        pages == PAGES,
        "The first byte of {pages} pages was 1. There should be {PAGES}."
    );
    // A thread that is started, and the runtime, take a few.
    let few = PAGES as i64 / 4;
    ensure!(
        loop_faults < few,
        "There were {loop_faults} page faults of the loop's thread in `table`. The loop stood still \
         during each. Which thread may wait instead?"
    );
    ensure!(
        read_faults < few,
        "`table` had left {read_faults} page faults to the first access of the loop's thread."
    );
    Ok(())
}

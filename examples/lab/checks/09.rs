//! Checks exercise 09.

#[cfg_attr(feature = "solutions", path = "../solutions/09.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/09.rs")]
mod program;

use std::process::ExitCode;
use std::rc::Rc;

use program::Bell;
use wakeful::trace::Level;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, state_of, times, wakers_left};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "`spawn` queues the task for a first poll, as in lesson 08.",
        ),
        (
            'b',
            "The first poll comes from the spawn. A second one needs a wake, and the only waker was \
             dropped when the first poll returned.",
        ),
        (
            'c',
            "The second poll needs a wake. Which waker can `ring` call? Follow the clone that the \
             first poll makes.",
        ),
        (
            'd',
            "A task that returned `Pending` is polled again only after a wake, as in lesson 05.",
        ),
    ],
    shipped: "No waker of it is left",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    let mut too_early = false;
    let snapshot = lab::record(Level::Clones, async {
        let bell = Rc::new(Bell::default());
        let its = bell.clone();
        let guest = lab::spawn("early guest", async move { its.rung().await });
        let_run().await;
        too_early = guest.is_finished();
        bell.ring();
        let_run().await;
        lab::spawn("late guest", async move { bell.rung().await });
        let_run().await;
    });
    ensure!(
        !too_early,
        "The guest did not wait: it ended before the bell rang."
    );
    let polls = lab::polls(&snapshot, "early guest");
    ensure!(
        polls.len() <= 2,
        "The guest was polled {} while nothing happened: each poll wakes its own task. It should \
         sleep until the bell rings.",
        times(polls.len())
    );
    for guest in ["early guest", "late guest"] {
        let state = state_of(&snapshot, guest);
        ensure!(
            state.contains("`Ready`"),
            "The bell rang, and the guest still waits. {state}"
        );
        ensure!(
            wakers_left(&snapshot, guest) == 0,
            "The guest has ended, but the bell still keeps a waker of it."
        );
    }
    Ok(())
}

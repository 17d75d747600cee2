//! Checks exercise 12.

#[cfg_attr(feature = "solutions", path = "../solutions/12.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/12.rs")]
mod program;

use std::future::poll_fn;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::Poll;

use program::Clock;
use wakeful::trace::{Level, Snapshot};
use wakeful_lab::exercise::{Exercise, Verdict, let_run, state_of, times, wakers_left};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "The waker is registered when the clock ticks for the first time.",
        ),
        (
            'b',
            "`drain` takes the wakers out, and `wake` consumes them. The second tick finds none.",
        ),
        (
            'c',
            "So it should be. Does the clock still have a waker at the second tick?",
        ),
    ],
    shipped: "The clock ticked 3 times",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

const TASKS: [&str; 2] = ["first sleeper", "second sleeper"];

/// Lets the clock tick, and then perhaps stops it. The tasks wait for the third tick.
fn record(ticks: u32, stop: bool) -> Snapshot {
    lab::record(Level::Clones, async {
        let clock = Rc::new(Clock::default());
        for name in TASKS {
            let clock = clock.clone();
            let mut registered = false;
            let wait = poll_fn(move |cx| {
                if !registered {
                    registered = true;
                    clock.listen(cx.waker());
                }
                match clock.ticks() >= 3 {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            });
            lab::spawn(name, wait);
        }
        let_run().await;
        for _ in 0..ticks {
            clock.tick();
            let_run().await;
        }
        if stop {
            clock.stop();
        }
        // The clock lives until here, and with it the wakers that it keeps.
        std::mem::forget(clock);
    })
}

fn check() -> Verdict {
    for task in TASKS {
        let snapshot = record(1, false);
        let woken = lab::wakes(&snapshot, task).len();
        ensure!(
            woken == 1,
            "The clock ticked once, and woke {task} {}.",
            times(woken)
        );
        let snapshot = record(3, false);
        let state = state_of(&snapshot, task);
        ensure!(
            state.contains("`Ready`"),
            "The clock ticked 3 times, and {task}, which waits for the third tick, still waits: each \
             tick must wake it. {state}"
        );
        let woken = lab::wakes(&snapshot, task).len();
        ensure!(
            woken == 3,
            "The clock ticked 3 times, and {task} was woken {woken} times."
        );
        let left = wakers_left(&record(2, true), task);
        ensure!(
            left == 0,
            "The clock was stopped after two ticks. Wakers of {task} that are left: {left}. The clock \
             should have dropped them."
        );
    }
    Ok(())
}

//! Checks exercise 21.

#[cfg_attr(feature = "solutions", path = "../solutions/21.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/21.rs")]
mod program;

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wakeful::time::sleep;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step, times};

const EXERCISE: Exercise = Exercise {
    answer: 'a',
    replies: &[
        (
            'a',
            "The job runs in a poll, and the thread of the loop can do nothing else before the \
             poll returns. The timer is late.",
        ),
        (
            'b',
            "What should poll the ticker? The thread is in the poll of `main`.",
        ),
        (
            'c',
            "So it should be. But on which thread does the job run?",
        ),
    ],
    shipped: "no other task was polled",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    step("in `run_job`");
    let (ticks, ended_on) = wakeful::block_on(async {
        let (ticker, ticks) = mpsc::channel();
        wakeful::spawn(async move {
            // Fails when the job has ended.
            while ticker.send(()).is_ok() {
                sleep(Duration::from_millis(1)).await;
            }
        });
        // The job ends when the ticker has ticked three times. In a poll it would wait forever.
        program::run_job(move || {
            let tick = || ticks.recv_timeout(Duration::from_secs(2)).ok();
            let seen = (0..3).map_while(|_| tick()).count();
            (seen, thread::current().id())
        })
        .await
    });
    ensure!(
        ticks == 3,
        "While the job ran, no other task was polled: a ticker ticked {} in 2 s. {}",
        times(ticks),
        if ended_on == thread::current().id() {
            "The job ran on the thread of the loop, in a poll."
        } else {
            "The job ran on another thread, but the poll that started it blocked until its end."
        }
    );
    Ok(())
}

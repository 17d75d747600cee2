//! Checks exercise 03.

#[cfg_attr(feature = "solutions", path = "../solutions/03.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/03.rs")]
mod program;

use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use program::block_on;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step, times};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        ('a', "`block_on` polls before it sleeps for the first time."),
        (
            'b',
            "The first poll calls the waker, which sets `notified`. `wait` clears it and sleeps, and \
             no other call comes.",
        ),
        (
            'c',
            "So it should be. But the waker is called during the poll, before `wait`. What does \
             `wait` do with a notification that is there already?",
        ),
        (
            'd',
            "Between two polls it sleeps until `notified` is set. What sets it?",
        ),
    ],
    shipped: "its thread sleeps or is blocked",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Runs a future in `block_on` that returns `Pending` `n` times, after it has passed its waker on.
/// Returns the number of polls.
fn polls(n: u32, take: impl Fn(&Waker)) -> u32 {
    let mut polls = 0;
    block_on(poll_fn(|cx| {
        polls += 1;
        if polls > n {
            return Poll::Ready(());
        }
        take(cx.waker());
        Poll::Pending
    }));
    polls
}

fn check() -> Verdict {
    step("in `block_on` of a future that calls its waker during the poll");
    let during = polls(2, Waker::wake_by_ref);
    ensure!(
        during == 3,
        "A future that wakes itself twice was polled {during} times, not 3."
    );

    step("in `block_on` of a future that another thread wakes");
    let (sender, wakers) = mpsc::channel::<Waker>();
    let waking = thread::spawn(move || {
        for waker in wakers {
            thread::sleep(Duration::from_millis(20)); // `block_on` has time to fall asleep
            waker.wake();
        }
    });
    let later = polls(2, |waker| sender.send(waker.clone()).unwrap());
    drop(sender);
    waking.join().unwrap();
    ensure!(
        later == 3,
        "A future that another thread woke twice was polled {}, not 3 times: `wait` returned \
         without a notification.",
        times(later as usize)
    );

    step("in `block_on` of a future that calls its waker twice in one poll");
    let twice = polls(1, |waker| {
        waker.wake_by_ref();
        waker.wake_by_ref();
    });
    ensure!(
        twice == 2,
        "Two wakes during one poll caused {} more polls, not 1.",
        twice - 1
    );
    Ok(())
}

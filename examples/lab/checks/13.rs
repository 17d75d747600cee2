//! Checks exercise 13.

#[cfg_attr(feature = "solutions", path = "../solutions/13.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/13.rs")]
mod program;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Poll, Waker};

use program::Executor;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step, times};

const EXERCISE: Exercise = Exercise {
    answer: 'a',
    replies: &[
        (
            'a',
            "The wake finds `queued` still set and does nothing. Then the poll ends, and `run` \
             clears the flag: the wake is lost.",
        ),
        (
            'b',
            "Is there a difference between the first poll and the second? The flag is set during \
             both.",
        ),
        (
            'c',
            "So it should be. But is `queued` set or clear while the task is polled?",
        ),
        (
            'd',
            "It is polled after a wake only, and wakes itself twice.",
        ),
    ],
    shipped: "during its own poll, and was not polled again",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    step("in `run`, with a task that wakes itself twice");
    let polls: Rc<Cell<usize>> = Rc::default();
    let mut executor = Executor::default();
    let counter = polls.clone();
    executor.spawn(poll_fn(move |cx| {
        counter.set(counter.get() + 1);
        if counter.get() == 3 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    executor.run();
    ensure!(polls.get() > 0, "A new task was not polled.");
    ensure!(
        polls.get() == 3,
        "A task woke itself during its own poll, and was not polled again. It was polled {}.",
        times(polls.get())
    );

    step("in `run`, with a task that ten wakes wake");
    let polls: Rc<Cell<usize>> = Rc::default();
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let mut executor = Executor::default();
    let (counter, keeper) = (polls.clone(), kept.clone());
    executor.spawn(poll_fn(move |cx| {
        counter.set(counter.get() + 1);
        keeper.replace(Some(cx.waker().clone()));
        // It ends at last, so that a wrong `run` returns.
        if counter.get() == 100 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    executor.run();
    ensure!(
        polls.get() == 1,
        "A task that waits, and was not woken, was polled {}.",
        times(polls.get())
    );
    let waker = kept.take().expect("it was polled");
    for _ in 0..10 {
        waker.wake_by_ref();
    }
    executor.run();
    ensure!(
        polls.get() == 2,
        "Ten wakes between two polls caused {} polls, and should cause one.",
        polls.get() - 1
    );
    Ok(())
}

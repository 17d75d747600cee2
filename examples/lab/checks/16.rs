//! Checks exercise 16.

#[cfg_attr(feature = "solutions", path = "../solutions/16.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/16.rs")]
mod program;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::Poll;

use program::{Arrived, Parcel};
use wakeful::trace::Level;
use wakeful_lab::exercise::{Exercise, Verdict, let_run, state_of, wakers_left};
use wakeful_lab::{self as lab, ensure};

const EXERCISE: Exercise = Exercise {
    answer: 'a',
    replies: &[
        (
            'a',
            "The future keeps the waker of its first poll, and that is a waker of `first`.",
        ),
        (
            'b',
            "So it should be. But what does `get_or_insert_with` do if there is a waker already?",
        ),
        ('c', "There is room for one waker. Which one is in it?"),
        ('d', "A waker is stored, and `arrive` calls it."),
    ],
    shipped: "`first` was woken",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    let mut too_early = false;
    let snapshot = lab::record(Level::Clones, async {
        let parcel = Rc::new(Parcel::default());
        let table: Rc<Cell<Option<Arrived>>> = Rc::default();
        let (mut arrived, handover) = (parcel.arrived(), table.clone());
        lab::spawn("first", async move {
            for _ in 0..2 {
                poll_fn(|cx| Poll::Ready(Pin::new(&mut arrived).poll(cx).is_pending())).await;
            }
            handover.set(Some(arrived));
            pending::<()>().await;
        });
        let_run().await;
        let second = lab::spawn("second", table.take().expect("it was handed over"));
        let_run().await;
        too_early = second.is_finished();
        parcel.arrive();
        let_run().await;
    });
    ensure!(
        !too_early,
        "The future was ready before the parcel arrived."
    );
    let second = state_of(&snapshot, "second");
    let woken = lab::wakes(&snapshot, "first").len();
    ensure!(
        woken == 0,
        "The future went from task `first` to task `second`, and then the parcel arrived. Task \
         `first` was woken, though it does not have the future any more. {second}"
    );
    ensure!(
        second.contains("`Ready`"),
        "The parcel arrived, and task `second` still waits for it. {second}"
    );
    let polls = lab::polls(&snapshot, "second").len();
    ensure!(
        polls == 2,
        "Task `second` was polled {polls} times, and two polls are enough."
    );
    for task in ["first", "second"] {
        let left = wakers_left(&snapshot, task);
        ensure!(left == 0, "{left} wakers of task `{task}` are still kept.");
    }
    Ok(())
}

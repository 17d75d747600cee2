//! Checks exercise 05.

#[cfg_attr(feature = "solutions", path = "../solutions/05.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/05.rs")]
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
    answer: 'c',
    replies: &[
        (
            'a',
            "The door opens in the end, and the guest is polled after that.",
        ),
        (
            'b',
            "So it should be: one poll leaves the waker, and one finds the door open. But look at \
             what `run` does with a task that returned `Pending`.",
        ),
        (
            'c',
            "In each round the cook is polled, and the guest is polled before it, though the door \
             is shut: `run` has queued it again. Three polls find the door shut, the fourth finds \
             it open.",
        ),
        (
            'd',
            "The cook is queued in each round too, so it opens the door in the end.",
        ),
    ],
    shipped: "though it was not woken",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    // A task that is never woken.
    let executor = Executor::default();
    let polls: Rc<Cell<usize>> = Rc::default();
    let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
    let (counter, keeper) = (polls.clone(), kept.clone());
    executor.spawn(poll_fn(move |cx| {
        counter.set(counter.get() + 1);
        keeper.borrow_mut().push(cx.waker().clone());
        // It ends at last, so that a wrong `run` returns.
        if counter.get() == 100 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    step("in `run` with a task that waits and is not woken");
    executor.run();
    ensure!(polls.get() > 0, "A new task was never polled.");
    ensure!(
        polls.get() == 1,
        "A task was polled {} though it was not woken: `run` keeps the processor busy with tasks \
         that wait.",
        times(polls.get())
    );
    // `run` has returned. Two wakes, and it is called again.
    let waker = kept.borrow()[0].clone();
    waker.wake_by_ref();
    waker.wake_by_ref();
    step("in the second call of `run`, after a wake");
    executor.run();
    ensure!(
        polls.get() == 2,
        "A task that waits was woken twice, and `run` was called again. It was polled {} in \
         all, and not twice.",
        times(polls.get())
    );

    // Tasks that wake themselves take turns.
    let executor = Executor::default();
    let order: Rc<RefCell<String>> = Rc::default();
    for name in ['a', 'b'] {
        let (order, mut polls) = (order.clone(), 0);
        executor.spawn(poll_fn(move |cx| {
            order.borrow_mut().push(name);
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
    }
    step("in `run` with two tasks that wake themselves");
    executor.run();
    let order = order.borrow();
    ensure!(
        *order == "ababab",
        "Two tasks that yield twice should take turns, a b a b a b. They were polled in the order \
         {order}."
    );
    Ok(())
}

//! Checks exercise 04.

#[cfg_attr(feature = "solutions", path = "../solutions/04.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/04.rs")]
mod program;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;

use program::{Count, counting_waker};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict};

const EXERCISE: Exercise = Exercise {
    answer: 'c',
    replies: &[
        ('a', "`counts` itself is one reference, and it is alive."),
        (
            'b',
            "So it should be. But does each of the three wakers give back its reference? Check \
             `wake`: `drop` does not run after it.",
        ),
        (
            'c',
            "`wake` consumes its waker, so `drop` does not run for it, and `wake` itself does not \
             give the reference back.",
        ),
        (
            'd',
            "Two of the three wakers are dropped, and `drop_waker` gives a reference back.",
        ),
    ],
    shipped: "`wake` did not give back",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// What is done to a waker: its name, the function, and the references and the calls it changes.
type Act = (&'static str, fn(&mut Vec<Waker>), isize, usize);

fn check() -> Verdict {
    let acts: [Act; 4] = [
        ("clone", |wakers| wakers.push(wakers[0].clone()), 1, 0),
        ("wake_by_ref", |wakers| wakers[0].wake_by_ref(), 0, 1),
        (
            "wake",
            |wakers| wakers.pop().expect("there is one").wake(),
            -1,
            1,
        ),
        ("drop", |wakers| drop(wakers.pop()), -1, 0),
    ];
    for (name, act, references, calls) in acts {
        let count = Arc::new(Count::default());
        // The memory stays alive even if a function gives back too much.
        let spare: Vec<_> = (0..9).map(|_| Arc::into_raw(count.clone())).collect();
        let mut wakers = vec![counting_waker(count.clone()), counting_waker(count.clone())];
        let before = Arc::strong_count(&count) as isize;
        act(&mut wakers);
        let change = Arc::strong_count(&count) as isize - before;
        let called = count.load(Relaxed);
        // Nothing is given back here, as the number of references may be wrong.
        wakers.into_iter().for_each(std::mem::forget);
        std::mem::forget((spare, count));
        ensure!(
            called == calls,
            "`{name}` counted {called} calls, not {calls}."
        );
        ensure!(
            change <= references,
            "{}",
            match references {
                -1 => format!(
                    "`{name}` did not give back the reference of its waker, so the memory is never \
                     freed."
                ),
                _ => format!(
                    "`{name}` changed the number of references by {change}, not {references}."
                ),
            }
        );
        ensure!(
            change == references,
            "`{name}` changed the number of references by {change}, not {references}: a waker that \
             is still alive has lost its reference, and will read freed memory."
        );
    }
    Ok(())
}

//! Checks exercise 03.

#[cfg_attr(feature = "solutions", path = "../solutions/03.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/03.rs")]
mod program;

use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
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

/// Runs a future in `block_on` that waits for `n` events. Each poll that returns `Pending` passes
/// the waker to `take`, and the count of events that it may add to. Returns the number of polls.
fn polls(n: usize, take: impl Fn(&Waker, &Arc<AtomicUsize>)) -> usize {
    let events = Arc::new(AtomicUsize::new(0));
    let mut polls = 0;
    block_on(poll_fn(|cx| {
        polls += 1;
        if events.load(SeqCst) >= n {
            return Poll::Ready(());
        }
        take(cx.waker(), &events);
        Poll::Pending
    }));
    polls
}

fn check() -> Verdict {
    step("in `block_on` of a future that calls its waker during the poll");
    let during = polls(2, |waker, events| {
        events.fetch_add(1, SeqCst);
        waker.wake_by_ref();
    });
    ensure!(
        during == 3,
        "A future that woke itself during its first two polls was polled {}, and not 3 times.",
        times(during)
    );

    step("in `block_on` of a future that another thread wakes");
    let (sender, wakers) = mpsc::channel::<(Waker, Arc<AtomicUsize>)>();
    let waking = thread::spawn(move || {
        for (waker, events) in wakers {
            thread::sleep(Duration::from_millis(20)); // `block_on` has time to fall asleep
            events.fetch_add(1, SeqCst);
            waker.wake();
        }
    });
    let later = polls(2, |waker, events| {
        let pair = (waker.clone(), events.clone());
        sender.send(pair).expect("the thread receives");
    });
    ensure!(
        later == 3,
        "A future that waits for two events, each of which wakes it, was polled {}, and not 3 times: \
         `wait` returned without a new notification.",
        times(later)
    );
    drop(sender);
    waking.join().expect("it does not panic");

    step("in `block_on` of a future that calls its waker twice in one poll");
    let twice = polls(1, |waker, events| {
        waker.wake_by_ref();
        waker.wake_by_ref();
        events.fetch_add(1, SeqCst);
    });
    ensure!(
        twice == 2,
        "Two wakes during one poll caused {} more polls, and should cause one.",
        twice - 1
    );
    Ok(())
}

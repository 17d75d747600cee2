//! Models of a loop that ends while other threads hold wakers and handles: no message stays in the
//! queue, and the task and the scheduler are freed with their last user.

use std::task::Waker;

use loom::thread;

use super::model;
use super::support::{Flaw, World, increment, world, world_of};

/// A thread uses a waker while the loop ends. The handle is dropped before or after that.
fn against_the_end(flaw: Flaw, handle_first: bool, act: fn(Waker)) {
    let World {
        lo, task, waker, ..
    } = world_of(flaw, 1, 0).take();
    let thread = thread::spawn(move || act(waker));
    lo.tick();
    if handle_first {
        drop(task);
        lo.end();
    } else {
        lo.end();
        assert!(task.is_finished());
        drop(task);
    }
    thread.join().unwrap();
}

#[test]
fn wake_by_value_against_the_end() {
    model(|| against_the_end(Flaw::None, true, Waker::wake));
}

#[test]
fn wake_by_ref_against_the_end() {
    model(|| against_the_end(Flaw::None, false, |waker| waker.wake_by_ref()));
}

#[test]
fn clone_and_drop_against_the_end() {
    model(|| against_the_end(Flaw::None, false, |waker| drop(waker.clone())));
}

#[test]
fn clone_and_wake_against_the_end() {
    model(|| {
        against_the_end(Flaw::None, true, |waker| {
            let other = waker.clone();
            other.wake();
            waker.wake();
        });
    });
}

/// Two threads, so that one can send while the other finds the queue closed, and either can free
/// the task and with it the scheduler.
fn two_against_the_end(handle_first: bool, acts: [fn(Waker); 2]) {
    let World {
        lo, task, waker, ..
    } = world(1).take();
    let threads = [waker.clone(), waker];
    let mut acts = acts.into_iter();
    let threads = threads.map(|waker| {
        let act = acts.next().unwrap();
        thread::spawn(move || act(waker))
    });
    let mut task = Some(task);
    if handle_first {
        drop(task.take());
    }
    lo.end();
    drop(task);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn two_drops_against_the_end() {
    model(|| two_against_the_end(false, [drop, drop]));
}

#[test]
fn two_wakes_against_the_end() {
    model(|| two_against_the_end(true, [Waker::wake, Waker::wake]));
}

#[test]
fn wake_and_drop_against_the_end() {
    model(|| two_against_the_end(true, [|waker| waker.wake_by_ref(), drop]));
}

#[test]
fn abort_against_the_end() {
    model(|| {
        let World {
            lo,
            mut task,
            counter,
            waker,
        } = world(1).take();
        let stop = task.abort_handle();
        let thread = thread::spawn(move || {
            stop.abort();
            stop.is_finished()
        });
        increment(&counter);
        waker.wake();
        lo.tick();
        lo.end();
        let result = task.try_take().unwrap();
        assert!(result.map_or_else(|error| error.is_cancelled(), |_| true));
        drop(task);
        thread.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "leaked")]
fn without_the_sender_emptying() {
    model(|| against_the_end(Flaw::LeavesLate, true, Waker::wake));
}

#[test]
#[should_panic(expected = "leaked")]
fn without_the_loop_emptying() {
    model(|| against_the_end(Flaw::LeavesEarly, true, Waker::wake));
}

#[test]
#[should_panic(expected = "used after it was freed")]
fn without_keeping_the_scheduler_while_sending() {
    model(|| against_the_end(Flaw::Unkept, true, Waker::wake));
}

#[test]
#[cfg_attr(shuttle, ignore = "loom detects the race, which shuttle does not")]
#[should_panic(expected = "Causality violation")]
fn without_the_merge() {
    model(|| against_the_end(Flaw::Unmerged, true, drop));
}

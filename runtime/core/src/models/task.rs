//! Models of whole tasks while the loop runs: concurrent wakes, aborts and drops of the last
//! reference.

use std::task::{RawWaker, RawWakerVTable, Waker};

use loom::sync::{Arc, Mutex};
use loom::thread;

use super::model;
use super::support::{Flaw, Held, Loop, World, increment, world, world_of};
use crate::primitives::atomic::Ordering;
use crate::task::header::TaskPtr;
use crate::task::refs::Release;
use crate::task::remote_requests;
use crate::task::{release, waker};

/// Drops the last references of a task that has ended: once the loop has received all messages, the
/// task is freed, on the owner thread.
fn freed_by_owner(world: Held<World>) {
    let World {
        lo, task, waker, ..
    } = world.take();
    drop((task, waker));
    lo.tick();
    assert_eq!(lo.alive(), 0, "a task was not freed");
    lo.end();
}

/// Two threads add one to the counter each and wake, `by_ref` or by value. The loop may sleep
/// meanwhile.
fn two_wakers(flaw: Flaw, by_ref: [bool; 2]) {
    let mut world = world_of(flaw, 2, 0);
    let threads = by_ref.map(|by_ref| {
        let (waker, counter) = (world.waker.clone(), world.counter.clone());
        thread::spawn(move || {
            increment(&counter);
            if by_ref {
                waker.wake_by_ref();
            } else {
                waker.wake();
            }
        })
    });
    world.lo.run_until_finished(&world.task);
    assert!(world.task.try_take().unwrap().is_ok());
    for thread in threads {
        thread.join().unwrap();
    }
    freed_by_owner(world);
}

/// One thread adds one to the counter and calls `wake`.
fn one_waker(flaw: Flaw, wake: fn(Waker)) {
    let mut world = world_of(flaw, 1, 0);
    let (waker, counter) = (world.waker.clone(), world.counter.clone());
    let thread = thread::spawn(move || {
        increment(&counter);
        wake(waker);
    });
    world.lo.run_until_finished(&world.task);
    assert!(world.task.try_take().unwrap().is_ok());
    thread.join().unwrap();
    freed_by_owner(world);
}

#[test]
fn wake_by_value_against_park() {
    model(|| one_waker(Flaw::None, Waker::wake));
}

#[test]
fn wake_by_ref_against_park() {
    model(|| one_waker(Flaw::None, |waker| waker.wake_by_ref()));
}

#[test]
fn wake_by_clones_against_park() {
    model(|| {
        one_waker(Flaw::None, |waker| {
            let other = waker.clone();
            other.wake();
            waker.wake_by_ref();
        });
    });
}

/// The loop may sleep, wake, and sleep again.
#[test]
fn woken_twice_by_one() {
    model(|| {
        let mut world = world(2);
        let (waker, counter) = (world.waker.clone(), world.counter.clone());
        let thread = thread::spawn(move || {
            increment(&counter);
            waker.wake_by_ref();
            increment(&counter);
            waker.wake();
        });
        world.lo.run_until_finished(&world.task);
        assert!(world.task.try_take().unwrap().is_ok());
        thread.join().unwrap();
        freed_by_owner(world);
    });
}

#[test]
fn two_wakers_by_value() {
    model(|| two_wakers(Flaw::None, [false, false]));
}

#[test]
fn two_wakers_by_value_and_by_ref() {
    model(|| two_wakers(Flaw::None, [false, true]));
}

#[test]
fn wake_against_a_task_that_wakes_itself() {
    model(|| {
        let mut world = world_of(Flaw::None, 1, 3);
        let (waker, counter) = (world.waker.clone(), world.counter.clone());
        let thread = thread::spawn(move || {
            increment(&counter);
            waker.wake();
        });
        world.lo.run_until_finished(&world.task);
        assert!(world.task.try_take().unwrap().is_ok());
        thread.join().unwrap();
        freed_by_owner(world);
    });
}

#[test]
fn wake_against_complete() {
    model(|| {
        let mut world = world(1);
        let waker = world.waker.clone();
        let thread = thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        increment(&world.counter);
        world.waker.wake_by_ref();
        world.lo.run_until_finished(&world.task);
        assert!(world.task.try_take().unwrap().is_ok());
        thread.join().unwrap();
        freed_by_owner(world);
    });
}

#[test]
fn abort_against_poll() {
    model(|| {
        let mut world = world(1);
        let stop = world.task.abort_handle();
        let thread = thread::spawn(move || {
            stop.abort();
            let _ = stop.is_finished();
        });
        increment(&world.counter);
        world.waker.wake_by_ref();
        world.lo.run_until_finished(&world.task);
        let result = world.task.try_take().unwrap();
        assert!(result.map_or_else(|error| error.is_cancelled(), |_| true));
        thread.join().unwrap();
        freed_by_owner(world);
    });
}

/// A thread that finds a task finished sees what happened before its end.
#[test]
fn a_finished_task_is_seen_finished_on_another_thread() {
    model(|| {
        let mut world = world(1);
        let stop = world.task.abort_handle();
        let (watch, counter) = (stop.clone(), world.counter.clone());
        let thread = thread::spawn(move || {
            assert!(!watch.is_finished() || counter.load(Ordering::Relaxed) == 1);
        });
        increment(&world.counter);
        world.waker.wake_by_ref();
        world.lo.run_until_finished(&world.task);
        assert!(stop.is_finished());
        drop(stop);
        assert!(world.task.try_take().unwrap().is_ok());
        thread.join().unwrap();
        freed_by_owner(world);
    });
}

/// A request that is merged with an earlier one is executed: otherwise the loop would sleep for
/// ever.
#[test]
fn abort_and_wake_from_two_threads() {
    model(|| {
        let mut world = world(1);
        let stop = world.task.abort_handle();
        let waker = world.waker.clone();
        let wakes = thread::spawn(move || waker.wake());
        let aborts = thread::spawn(move || stop.abort());
        world.lo.run_until_finished(&world.task);
        assert!(
            world
                .task
                .try_take()
                .unwrap()
                .is_err_and(|e| e.is_cancelled())
        );
        wakes.join().unwrap();
        aborts.join().unwrap();
        freed_by_owner(world);
    });
}

#[test]
fn both_last_references_are_dropped_at_once() {
    model(|| {
        let World {
            lo,
            task,
            counter,
            waker,
        } = world(1).take();
        let thread = thread::spawn(move || drop(waker.clone()));
        increment(&counter);
        task.abort();
        lo.tick();
        drop(task);
        lo.receive();
        thread.join().unwrap();
        lo.tick();
        assert_eq!(lo.alive(), 0, "a task was not freed");
        lo.end();
    });
}

#[test]
fn cloned_on_another_thread_and_dropped_by_the_owner() {
    model(|| {
        let world = world(1);
        let (waker, gift) = (world.waker.clone(), Arc::new(Mutex::new(None)));
        let given = gift.clone();
        let thread = thread::spawn(move || {
            *given.lock().unwrap() = Some(waker.clone());
            drop(waker);
        });
        world.task.abort();
        world.lo.tick();
        let early = gift.lock().unwrap().take();
        drop(early);
        thread.join().unwrap();
        let late = gift.lock().unwrap().take();
        drop(late);
        freed_by_owner(world);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_notification() {
    model(|| one_waker(Flaw::Silent, Waker::wake));
}

/// Replaces the vtable of a waker by a broken one.
fn broken(waker: Waker, vtable: &'static RawWakerVTable) -> Waker {
    let data = std::mem::ManuallyDrop::new(waker).data();
    // SAFETY: the reference moves from one waker to the other; the model provides the functions.
    unsafe { Waker::from_raw(RawWaker::new(data, vtable)) }
}

unsafe fn never_cloned(_: *const ()) -> RawWaker {
    unreachable!("the models don't clone a broken waker")
}

unsafe fn does_nothing(_: *const ()) {}

/// Sends a request, and drops the reference instead of sending it along.
unsafe fn wakes_without_a_reference(data: *const ()) {
    let task: TaskPtr = waker::task(data);
    // SAFETY: the waker holds a reference.
    let header = unsafe { task.as_ref() };
    if header.remote_requests.set(remote_requests::WAKE) {
        // SAFETY: violated on purpose: `wake_by_ref` would add a reference first.
        unsafe { (header.vtable.send)(task) };
    }
    // SAFETY: violated on purpose: the waker's reference was sent already.
    unsafe { release::drop_there(task) };
}

#[test]
#[should_panic(expected = "used after it was freed")]
fn without_a_reference_for_the_message() {
    static BROKEN: RawWakerVTable = RawWakerVTable::new(
        never_cloned,
        wakes_without_a_reference,
        does_nothing,
        does_nothing,
    );
    model(|| one_waker(Flaw::None, |waker| broken(waker, &BROKEN).wake()));
}

/// Queues the task itself instead of sending it.
unsafe fn wakes_on_the_calling_thread(data: *const ()) {
    waker::wake_here::<Loop>(waker::task(data), true);
    // SAFETY: the waker's reference.
    unsafe { release::drop_there(waker::task(data)) };
}

#[test]
#[should_panic(expected = "not the loop's thread")]
fn without_checking_the_thread() {
    static BROKEN: RawWakerVTable = RawWakerVTable::new(
        never_cloned,
        wakes_on_the_calling_thread,
        does_nothing,
        does_nothing,
    );
    model(|| one_waker(Flaw::None, |waker| broken(waker, &BROKEN).wake()));
}

/// Frees the task where the reference should be sent to the owner.
unsafe fn frees_on_the_calling_thread(data: *const ()) {
    let task = waker::task(data);
    // SAFETY: the waker holds a reference.
    let header = unsafe { task.as_ref() };
    if header.refs.drop_there() != Release::Keep {
        // SAFETY: violated on purpose.
        unsafe { (header.vtable.free)(task, false) };
    }
}

#[test]
#[should_panic(expected = "not the loop's thread")]
fn without_sending_the_last_reference_to_the_owner() {
    static BROKEN: RawWakerVTable = RawWakerVTable::new(
        never_cloned,
        does_nothing,
        does_nothing,
        frees_on_the_calling_thread,
    );
    model(|| {
        let world = world(1);
        let waker = world.waker.clone();
        let thread = thread::spawn(move || drop(broken(waker, &BROKEN)));
        world.task.abort();
        world.lo.tick();
        thread.join().unwrap();
        freed_by_owner(world);
    });
}

/// A waker whose drop does not drop its reference.
#[test]
#[should_panic(expected = "a task was not freed")]
fn without_the_drop() {
    static BROKEN: RawWakerVTable =
        RawWakerVTable::new(never_cloned, does_nothing, does_nothing, does_nothing);
    model(|| {
        let world = world(1);
        let waker = world.waker.clone();
        let thread = thread::spawn(move || drop(broken(waker, &BROKEN)));
        world.task.abort();
        world.lo.tick();
        thread.join().unwrap();
        freed_by_owner(world);
    });
}

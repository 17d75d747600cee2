//! Handles: wakes, joins and sets.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wakeful::task::JoinSet;

use super::super::body::Body;
use super::super::elsewhere::Job;
use super::super::foreign;
use super::super::places::Place;
use super::super::world::{self, Known, Set, Style, World, take};
use super::inside;

pub(super) fn wake(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(7);
    world.tell(|| format!("{place}: wake {how}"));
    if how < 2 {
        if dice.one_in(2) {
            // It wakes the task or future that is being polled.
            _ = poll_with(world, pin!(wakeful::task::yield_now()).as_mut());
            return;
        }
        let Some(known) = own_waker(world) else {
            return;
        };
        if how == 1 {
            return world.bag.wakers.borrow_mut().push(known);
        }
        if let Some(record) = &known.record {
            record.wake();
        }
        return known.waker.wake();
    }
    let Some(known) = take(dice, &world.bag.wakers) else {
        return;
    };
    let about = known
        .record
        .as_ref()
        .map_or("foreign".to_owned(), |it| it.name());
    world.tell(|| format!("wake of {about}"));
    let woken = || {
        if let Some(record) = &known.record {
            record.wake();
        }
    };
    match how {
        2 => {
            let waker = known.waker.clone();
            let record = known.record.clone();
            let mut all = world.bag.wakers.borrow_mut();
            all.push(known);
            all.push(Known { record, waker });
        }
        3 => drop(known),
        4 => {
            woken();
            known.waker.wake_by_ref();
            world.bag.wakers.borrow_mut().push(known);
        }
        5 if world.style == Style::Threads => {
            woken();
            if let Some(elsewhere) = &*world.elsewhere.borrow() {
                elsewhere.send(Job::Wake(known.waker));
            }
        }
        _ => {
            woken();
            known.waker.wake();
        }
    }
}

/// Returns a clone of the waker of the current poll.
pub(super) fn own_waker(world: &World) -> Option<Known> {
    let own = world.own.borrow();
    let known = own.last()?;
    Some(Known {
        record: known.record.clone(),
        // The waker of a task, or of `block_on`.
        waker: known.waker.clone(),
    })
}

/// Returns a waker for a poll: a foreign one with its state, or that of a task.
pub fn some_waker(world: &World) -> (Option<Arc<foreign::State>>, Waker) {
    match world.dice.below(4) {
        0 if let Some(known) = take(&world.dice, &world.bag.wakers) => (None, known.waker),
        1 if let Some(known) = own_waker(world) => (None, known.waker),
        _ => {
            let (state, waker) = foreign::waker(&world.tally);
            if world.dice.one_in(8) {
                let waker = waker.clone();
                let record = None;
                world.bag.wakers.borrow_mut().push(Known { record, waker });
            }
            (Some(state), waker)
        }
    }
}

pub(super) fn join(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(6);
    world.tell(|| format!("{place}: join {how}"));
    let Some(mut joiner) = take(dice, &world.bag.joiners) else {
        return;
    };
    world.tell(|| format!("handle of {}", joiner.record.name()));
    match how {
        0 => drop(joiner),
        1 => {
            std::hint::black_box(format!("{:?}", joiner.handle));
            world.check(Some(joiner.handle.id()) == joiner.record.id.get(), || {
                format!("the id of {}", joiner.record.name())
            });
            world.bag.joiners.borrow_mut().push(joiner);
        }
        _ => {
            joiner.waiting = None;
            let (state, waker) = some_waker(world);
            let before = state.as_ref().map_or(0, |state| state.wakes());
            match Pin::new(&mut joiner.handle).poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => {
                    joiner.waiting = state.map(|state| (state, before));
                    world.bag.joiners.borrow_mut().push(joiner);
                }
                Poll::Ready(result) => {
                    let record = joiner.record.clone();
                    drop(joiner);
                    world.joined(&record, result);
                }
            }
        }
    }
}

pub(super) fn set(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(10);
    world.tell(|| format!("{place}: set {how}"));
    if how == 0 || world.bag.sets.borrow().is_empty() {
        return new_set(world);
    }
    let Some(mut set) = take(dice, &world.bag.sets) else {
        return;
    };
    match how {
        1 => return drop(set),
        2..5 if inside() => {
            let body = Body::new(world, false);
            let record = body.record().clone();
            let handle = set.set.spawn(body);
            record.spawned(world, handle.id());
            if dice.one_in(2) {
                world.bag.aborts.borrow_mut().push((Some(record), handle));
            }
        }
        5 => set.set.abort_all(),
        6 => {
            // The set has no task any more that it waited for.
            set.set.detach_all();
            set.waiting = None;
        }
        7 => {
            if let Some(result) = set.set.try_join_next() {
                world.member(result);
            }
        }
        _ => {
            set.waiting = None;
            let (state, waker) = some_waker(world);
            let before = state.as_ref().map_or(0, |state| state.wakes());
            match set.set.poll_join_next(&mut Context::from_waker(&waker)) {
                Poll::Pending => set.waiting = state.map(|state| (state, before)),
                Poll::Ready(None) => {}
                Poll::Ready(Some(result)) => world.member(result),
            }
        }
    }
    world.bag.sets.borrow_mut().push(set);
}

pub(super) fn new_set(world: &World) {
    let mut set = JoinSet::new();
    if inside() && world.dice.one_in(2) {
        let members = world.dice.below(3);
        set = (0..members)
            .map(|_| {
                world::chaos(Place::Iterator);
                let world = world::current().expect("the world of this thread");
                Body::new(&world, false)
            })
            .collect();
    }
    let waiting = None;
    world.bag.sets.borrow_mut().push(Set { set, waiting });
}

/// Polls `future` with a random waker.
pub(super) fn poll_with<F: Future>(world: &World, future: Pin<&mut F>) -> Poll<F::Output> {
    let (_, waker) = some_waker(world);
    let poll = future.poll(&mut Context::from_waker(&waker));
    // Not during an unwind, where a panic would leak the output (rust-lang/rust#47949).
    drop(waker);
    poll
}

//! Channels of `wakeful::sync::mpsc`.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wakeful::sync::mpsc::error::{SendError, TryRecvError, TrySendError};

use super::super::channels::{Inbox, Message, Sending, pipe};
use super::super::foreign;
use super::super::places::Place;
use super::super::world::{World, copy, take};
use super::some_waker;

/// Takes up to three steps, as one changes little.
pub fn channel(world: &World, place: Place) {
    for _ in 0..=world.dice.below(3) {
        step(world, place);
    }
}

fn step(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(14);
    world.tell(|| format!("{place}: channel {how}"));
    let few = world.bag.inboxes.borrow().len() < 3;
    match how {
        0 | 1 if few => {
            let (outbox, inbox) = pipe(world, 1 + dice.below(3));
            world.bag.outboxes.borrow_mut().push(outbox);
            world.bag.inboxes.borrow_mut().push(inbox);
        }
        0..4 => try_send(world),
        4 | 5 => start(world),
        6 => {
            if let Some(sending) = take(dice, &world.bag.sendings) {
                poll(world, sending);
            }
        }
        7 => drop(take(dice, &world.bag.sendings)),
        8 => permit(world),
        9 if dice.one_in(3) => drop(take(dice, &world.bag.outboxes)),
        10 if dice.one_in(3) => drop(take(dice, &world.bag.inboxes)),
        _ => {
            if let Some(inbox) = take(dice, &world.bag.inboxes) {
                receive(world, inbox);
            }
        }
    }
}

fn try_send(world: &World) {
    let Some(outbox) = copy(&world.dice, &world.bag.outboxes) else {
        return;
    };
    let (record, message) = Message::new(world, &outbox);
    let gone = outbox.pipe.gone.get();
    match outbox.sender.try_send(message) {
        Ok(()) => {
            world.check(!gone, || {
                format!("{} sent to a receiver that is gone", record.name())
            });
            record.sent();
        }
        Err(TrySendError::Full(message) | TrySendError::Closed(message)) => {
            record.returned(world);
            drop(message);
        }
    }
}

/// Makes the future of a send, and polls it.
fn start(world: &World) {
    let Some(outbox) = copy(&world.dice, &world.bag.outboxes) else {
        return;
    };
    let (record, message) = Message::new(world, &outbox);
    let future = Box::pin(async move { outbox.sender.send(message).await });
    let waiting = None;
    poll(
        world,
        Sending {
            future,
            record,
            waiting,
        },
    );
}

fn poll(world: &World, mut sending: Sending) {
    sending.waiting = None;
    let (state, waker) = some_waker(world);
    let before = state.as_ref().map_or(0, |state| state.wakes());
    let poll = sending
        .future
        .as_mut()
        .poll(&mut Context::from_waker(&waker));
    match poll {
        Poll::Pending => {
            sending.waiting = state.map(|state| (state, before));
            world.bag.sendings.borrow_mut().push(sending);
        }
        Poll::Ready(result) => ended(world, sending, result),
    }
}

fn ended(world: &World, sending: Sending, result: Result<(), SendError<Message>>) {
    match result {
        Ok(()) => sending.record.sent(),
        Err(SendError(message)) => {
            sending.record.returned(world);
            drop(message);
        }
    }
}

fn permit(world: &World) {
    let dice = &world.dice;
    if let Some((outbox, permit)) = take(dice, &world.bag.permits) {
        match dice.below(3) {
            0 => drop(permit),
            1 => drop(permit.release()),
            _ => {
                let (record, message) = Message::new(world, &outbox);
                drop(permit.send(message));
                record.sent();
            }
        }
        return;
    }
    if let Some(outbox) = copy(dice, &world.bag.outboxes) {
        match outbox.sender.clone().try_reserve_owned() {
            Ok(permit) => world.bag.permits.borrow_mut().push((outbox, permit)),
            Err(error) => drop(error),
        }
    }
}

fn receive(world: &World, mut inbox: Inbox) {
    let dice = &world.dice;
    let pipe = inbox.pipe.clone();
    match dice.below(8) {
        0 => inbox.receiver.close(),
        1 | 2 => {
            if let Ok(message) = inbox.receiver.try_recv() {
                world.received(&pipe, &message);
                world.bag.inboxes.borrow_mut().push(inbox);
                return drop(message);
            }
        }
        3 => {
            inbox.waiting = None;
            let (state, waker) = some_waker(world);
            let before = state.as_ref().map_or(0, |state| state.wakes());
            let mut all = Vec::new();
            let mut cx = Context::from_waker(&waker);
            match inbox.receiver.poll_recv_many(&mut cx, &mut all, 2) {
                Poll::Pending => inbox.waiting = state.map(|state| (state, before)),
                Poll::Ready(_) => all.iter().for_each(|it| world.received(&pipe, it)),
            }
            world.bag.inboxes.borrow_mut().push(inbox);
            // One after the other: two panics at once would end the process.
            while let Some(message) = all.pop() {
                world.attempt(|| drop(message));
            }
            return;
        }
        _ => {
            inbox.waiting = None;
            let (state, waker) = some_waker(world);
            let before = state.as_ref().map_or(0, |state| state.wakes());
            match inbox.receiver.poll_recv(&mut Context::from_waker(&waker)) {
                Poll::Pending => inbox.waiting = state.map(|state| (state, before)),
                Poll::Ready(message) => {
                    if let Some(message) = &message {
                        world.received(&pipe, message);
                    }
                    world.bag.inboxes.borrow_mut().push(inbox);
                    return drop(message);
                }
            }
        }
    }
    world.bag.inboxes.borrow_mut().push(inbox);
}

fn slept(waiting: &Option<(Arc<foreign::State>, usize)>) -> bool {
    let still = |(state, wakes): &(Arc<foreign::State>, usize)| state.wakes() == *wakes;
    waiting.as_ref().is_some_and(still)
}

/// Checks, while nothing runs, that all waiters were woken which need not wait any more, receives
/// all messages, and checks that no place is lost.
pub fn look_at_channels(world: &World) {
    let received = || -> usize {
        let mut all = world.bag.inboxes.take();
        let count = all.iter_mut().map(|inbox| empty(world, inbox)).sum();
        world.bag.inboxes.borrow_mut().extend(all);
        count
    };
    // A send that got its place has sent when the next round begins.
    while poll_again(world) + received() > 0 {}
    for inbox in &*world.bag.inboxes.borrow() {
        let name = inbox.pipe.name();
        let permits = world.bag.permits.borrow();
        let permits = permits
            .iter()
            .filter(|it| Rc::ptr_eq(&it.0.pipe, &inbox.pipe));
        let (free, all) = (inbox.receiver.capacity(), inbox.receiver.max_capacity());
        let sendings = world.bag.sendings.borrow();
        let waits = sendings.iter().any(|it| it.record.is_for(&inbox.pipe));
        let taken = permits.count();
        world.check(!waits || taken == all, || {
            format!("a sender of {name} waits, {taken} of {all} places are taken")
        });
        world.check(waits || free + taken == all, || {
            format!("{name} has {free} free places and {taken} taken ones of {all}")
        });
    }
}

/// Polls all sends that wait. Returns how many have ended.
fn poll_again(world: &World) -> usize {
    let mut count = 0;
    for mut sending in world.bag.sendings.take() {
        let waiting = sending.waiting.clone();
        let mut cx = Context::from_waker(Waker::noop());
        match sending.future.as_mut().poll(&mut cx) {
            Poll::Pending => {
                sending.waiting = None;
                world.bag.sendings.borrow_mut().push(sending);
            }
            Poll::Ready(result) => {
                count += 1;
                world.check(!slept(&waiting), || {
                    format!("the sender of {} was not woken", sending.record.name())
                });
                world.attempt(|| ended(world, sending, result));
            }
        }
    }
    count
}

/// Receives all messages. Returns how many there were.
fn empty(world: &World, inbox: &mut Inbox) -> usize {
    let slept = slept(&inbox.waiting);
    inbox.waiting = None;
    let pipe = inbox.pipe.clone();
    let mut count = 0;
    loop {
        let result = inbox.receiver.try_recv();
        world.check(!slept || result == Err(TryRecvError::Empty), || {
            format!("the receiver of {} was not woken", pipe.name())
        });
        let Ok(message) = result else {
            break;
        };
        count += 1;
        world.received(&pipe, &message);
        world.attempt(|| drop(message));
    }
    world.check(pipe.queued.get() == 0, || {
        format!("{} has lost {} messages", pipe.name(), pipe.queued.get())
    });
    count
}

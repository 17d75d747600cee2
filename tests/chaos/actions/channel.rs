//! Channels of `wakeful::sync::mpsc`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wakeful::sync::mpsc::error::{SendError, TryRecvError, TrySendError};

use super::super::channels::{Inbox, Message, Sending, pipe};
use super::super::foreign;
use super::super::places::Place;
use super::super::world::{World, copy, take};
use super::some_waker;

pub fn channel(world: &World, place: Place) {
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
    let (record, message) = Message::new(world, &outbox.pipe);
    let gone = outbox.pipe.gone.get();
    match outbox.sender.try_send(message) {
        Ok(()) => {
            world.insist(!gone, || {
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
    let (record, message) = Message::new(world, &outbox.pipe);
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
    if let Some((pipe, permit)) = take(dice, &world.bag.permits) {
        match dice.below(3) {
            0 => drop(permit),
            1 => drop(permit.release()),
            _ => {
                let (record, message) = Message::new(world, &pipe);
                drop(permit.send(message));
                record.sent();
            }
        }
        return;
    }
    if let Some(outbox) = copy(dice, &world.bag.outboxes) {
        match outbox.sender.clone().try_reserve_owned() {
            Ok(permit) => {
                let permit = (outbox.pipe.clone(), permit);
                world.bag.permits.borrow_mut().push(permit);
            }
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

/// Checks, while nothing runs, that all waiters were woken which need not wait any more, and
/// receives all messages.
pub fn look_at_channels(world: &World) {
    for mut sending in world.bag.sendings.take() {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut sending.future).poll(&mut cx) {
            Poll::Pending => {
                sending.waiting = None;
                world.bag.sendings.borrow_mut().push(sending);
            }
            Poll::Ready(result) => {
                world.insist(!slept(&sending.waiting), || {
                    format!("the sender of {} was not woken", sending.record.name())
                });
                world.attempt(|| ended(world, sending, result));
            }
        }
    }
    for mut inbox in world.bag.inboxes.take() {
        let slept = slept(&inbox.waiting);
        inbox.waiting = None;
        let pipe = inbox.pipe.clone();
        loop {
            let result = inbox.receiver.try_recv();
            world.insist(!slept || result == Err(TryRecvError::Empty), || {
                format!("the receiver of {} was not woken", pipe.name())
            });
            let Ok(message) = result else {
                break;
            };
            world.received(&pipe, &message);
            world.attempt(|| drop(message));
        }
        world.insist(pipe.queued.get() == 0, || {
            format!("{} has lost {} messages", pipe.name(), pipe.queued.get())
        });
        world.bag.inboxes.borrow_mut().push(inbox);
    }
}

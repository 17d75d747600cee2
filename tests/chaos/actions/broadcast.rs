//! Channels and tokens of `wakeful::sync`, but for `mpsc`.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;

use wakeful::sync::{CancellationToken, broadcast, oneshot, watch};

use super::super::guests::Capture;
use super::super::places::Place;
use super::super::world::{self, World, copy, take};
use super::poll_with;

/// Value of a channel: its clone and its drop are user code.
pub struct Value(Capture);

impl Value {
    fn new(world: &World) -> Value {
        Value(Capture::new(&world.tally))
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        world::chaos(Place::Inside);
        Value(self.0.again())
    }
}

/// The channels and tokens that exist.
#[derive(Default)]
pub struct Bag {
    pub oneshots: RefCell<Vec<oneshot::Sender<Value>>>,
    pub watches: RefCell<Vec<watch::Sender<Value>>>,
    pub watchers: RefCell<Vec<watch::Receiver<Value>>>,
    pub broadcasts: RefCell<Vec<broadcast::Sender<Value>>>,
    pub listeners: RefCell<Vec<broadcast::Receiver<Value>>>,
    pub tokens: RefCell<Vec<CancellationToken>>,
    pub waits: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
}

/// An action with one of them.
pub fn act(world: &World, place: Place) {
    let how = world.dice.below(20);
    world.tell(|| format!("{place}: broadcast {how}"));
    match how {
        0..3 => oneshots(world, how),
        3..7 => watches(world, how),
        7..12 => broadcasts(world, how),
        12..16 => tokens(world, how),
        _ => waits(world, how),
    }
}

fn wait(world: &World, future: impl Future<Output = ()> + 'static) {
    if world.bag.channels.waits.borrow().len() < 12 {
        world.bag.channels.waits.borrow_mut().push(Box::pin(future));
    }
}

fn oneshots(world: &World, how: usize) {
    let bag = &world.bag.channels;
    if how == 0 && bag.oneshots.borrow().len() < 4 {
        let (sender, receiver) = oneshot::channel();
        bag.oneshots.borrow_mut().push(sender);
        return wait(world, async { drop(receiver.await) });
    }
    let Some(mut sender) = take(&world.dice, &bag.oneshots) else {
        return;
    };
    match world.dice.below(3) {
        0 => drop(sender),
        1 => wait(world, async move { sender.closed().await }),
        _ => drop(sender.send(Value::new(world))),
    }
}

fn watches(world: &World, how: usize) {
    let bag = &world.bag.channels;
    let dice = &world.dice;
    if how == 3 && bag.watches.borrow().len() < 3 {
        let (sender, receiver) = watch::channel(Value::new(world));
        bag.watches.borrow_mut().push(sender);
        bag.watchers.borrow_mut().push(receiver);
        return;
    }
    if how == 4 {
        let Some(mut receiver) = take(dice, &bag.watchers) else {
            return;
        };
        return match dice.below(4) {
            0 => drop(receiver),
            1 => wait(world, async move {
                while receiver.changed().await.is_ok() {
                    let value = receiver.borrow_and_update();
                    world::chaos(Place::Inside);
                    drop(value);
                }
            }),
            2 => wait(world, async move {
                let condition = |_: &Value| {
                    world::chaos(Place::Inside);
                    false
                };
                _ = receiver.wait_for(condition).await;
            }),
            _ => {
                let value = receiver.borrow_and_update();
                world::chaos(Place::Inside);
                drop(value);
            }
        };
    }
    let Some(sender) = copy(dice, &bag.watches) else {
        return;
    };
    match dice.below(6) {
        0 => drop(take(dice, &bag.watches)),
        1 => wait(world, async move { sender.closed().await }),
        2 => bag.watchers.borrow_mut().push(sender.subscribe()),
        _ => drop(sender.send(Value::new(world))),
    }
}

fn broadcasts(world: &World, how: usize) {
    let bag = &world.bag.channels;
    let dice = &world.dice;
    if how == 7 && bag.broadcasts.borrow().len() < 3 {
        let (sender, receiver) = broadcast::channel(1 + dice.below(3));
        bag.broadcasts.borrow_mut().push(sender);
        bag.listeners.borrow_mut().push(receiver);
        return;
    }
    if how < 10 {
        let Some(mut receiver) = take(dice, &bag.listeners) else {
            return;
        };
        return match dice.below(4) {
            0 => drop(receiver),
            1 => wait(world, async move {
                while !matches!(
                    receiver.recv().await,
                    Err(broadcast::error::RecvError::Closed)
                ) {}
            }),
            _ => {
                drop(receiver.try_recv());
                bag.listeners.borrow_mut().push(receiver);
            }
        };
    }
    let Some(sender) = copy(dice, &bag.broadcasts) else {
        return;
    };
    match dice.below(6) {
        0 => drop(take(dice, &bag.broadcasts)),
        1 => wait(world, async move { sender.closed().await }),
        2 if bag.listeners.borrow().len() < 6 => {
            bag.listeners.borrow_mut().push(sender.subscribe());
        }
        _ => drop(sender.send(Value::new(world))),
    }
}

fn tokens(world: &World, how: usize) {
    let bag = &world.bag.channels;
    let token = copy(&world.dice, &bag.tokens);
    match (how, token) {
        (12, Some(token)) if world.dice.one_in(3) => token.cancel(),
        (12 | 13, Some(token)) if bag.tokens.borrow().len() < 8 => {
            bag.tokens.borrow_mut().push(token.child_token());
        }
        (14, Some(token)) => wait(world, token.cancelled_owned()),
        (15, Some(_)) => drop(take(&world.dice, &bag.tokens)),
        (_, Some(_)) => {}
        (_, None) => bag.tokens.borrow_mut().push(CancellationToken::new()),
    }
}

/// Polls a wait, or drops it.
fn waits(world: &World, how: usize) {
    let bag = &world.bag.channels;
    let Some(mut wait) = take(&world.dice, &bag.waits) else {
        return;
    };
    if how == 16 && world.dice.one_in(2) {
        return drop(wait);
    }
    if poll_with(world, Pin::new(&mut wait)).is_pending() {
        bag.waits.borrow_mut().push(wait);
    }
}

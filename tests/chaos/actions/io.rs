//! Timers and descriptors.

use std::future::pending;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;

use wakeful::reactor::Async;
use wakeful::time::{Instant, sleep, timeout};

use super::super::guests::Fd;
use super::super::places::Place;
use super::super::world::{self, World, copy, take};
use super::{guest, inside, micros, poll_with, some_waker};

pub fn timer(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(8);
    world.tell(|| format!("{place}: timer {how}"));
    if how < 3 {
        if inside() {
            let sleep = Box::pin(sleep(micros(dice, 2000)));
            world.bag.sleeps.borrow_mut().push(sleep);
        }
        return;
    }
    if how == 3 && inside() {
        let mut timeout = pin!(timeout(micros(dice, 100), pending::<()>()));
        _ = poll_with(world, timeout.as_mut());
        return;
    }
    let Some(mut sleep) = take(dice, &world.bag.sleeps) else {
        return;
    };
    match how {
        4 => return drop(sleep),
        5 if inside() => sleep.as_mut().reset(Instant::now() + micros(dice, 2000)),
        _ => _ = poll_with(world, sleep.as_mut()),
    }
    world.bag.sleeps.borrow_mut().push(sleep);
}

/// Registers a new descriptor with the runtime that this thread is inside of.
fn register(world: &World) {
    let (ours, mut theirs) = UnixStream::pair().expect("two sockets");
    theirs.set_nonblocking(true).expect("it can be set");
    if world.dice.one_in(2) {
        theirs.write_all(b"xyz").expect("the socket has space");
    }
    world.bag.peers.borrow_mut().push(theirs);
    let descriptor = Async::new(Fd::new(ours, &world.tally));
    let descriptor = descriptor.expect("it can be registered");
    world.bag.descriptors.borrow_mut().push(Rc::new(descriptor));
}

pub fn descriptor(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(10);
    world.tell(|| format!("{place}: descriptor {how}"));
    let few = world.bag.descriptors.borrow().len() < 3;
    match how {
        0..3 if inside() && few => register(world),
        0..3 if few => {
            if let Some(guest) = guest(world) {
                guest.going_in(world, |runtime| runtime.enter(|| register(world)));
            }
        }
        3 if dice.one_in(3) => drop(take(dice, &world.bag.peers)),
        2 | 3 => {
            if let Some(mut peer) = take(dice, &world.bag.peers) {
                _ = peer.write(b"x");
                world.bag.peers.borrow_mut().push(peer);
            }
        }
        4 if dice.one_in(2) => drop(take(dice, &world.bag.descriptors)),
        5 if dice.one_in(2) => {
            if let Some(Ok(descriptor)) = take(dice, &world.bag.descriptors).map(Rc::try_unwrap) {
                drop(descriptor.into_inner());
            }
        }
        5 | 6 => {
            if let Some(descriptor) = copy(dice, &world.bag.descriptors) {
                _ = descriptor.try_read_with(|io| {
                    world::chaos(Place::Operation);
                    (&io.stream).read(&mut [0])
                });
            }
        }
        4 | 7 => {
            if let Some(descriptor) = copy(dice, &world.bag.descriptors) {
                let mut read = pin!(descriptor.read_with(|io| {
                    world::chaos(Place::Operation);
                    (&io.stream).read(&mut [0])
                }));
                _ = poll_with(world, read.as_mut());
            }
        }
        _ => {
            if let Some(descriptor) = copy(dice, &world.bag.descriptors) {
                let (_, waker) = some_waker(world);
                let mut cx = Context::from_waker(&waker);
                _ = match dice.one_in(4) {
                    true => descriptor.poll_writable(&mut cx),
                    false => descriptor.poll_readable(&mut cx),
                };
            }
        }
    }
}

//! Runtimes: creating, entering, running and ending them.

use std::rc::Rc;
use std::time::Duration;

use wakeful::Handle;

use super::super::body::Body;
use super::super::hooks::in_panic_hook;
use super::super::places::Place;
use super::super::runtimes::{self, Guest};
use super::super::world::{self, World, copy, take};
use super::{inside, keep};

/// Returns a runtime of the bag. Often that is the runtime that calls user code, as it is not idle.
pub(super) fn guest(world: &World) -> Option<Rc<Guest>> {
    match innermost(world) {
        Some(at) => world.bag.runtimes.borrow().get(at).cloned(),
        None => copy(&world.dice, &world.bag.runtimes),
    }
}

/// Takes such a runtime out of the bag.
pub(super) fn take_guest(world: &World) -> Option<Rc<Guest>> {
    match innermost(world) {
        Some(at) => Some(world.bag.runtimes.borrow_mut().swap_remove(at)),
        None => take(&world.dice, &world.bag.runtimes),
    }
}

/// Returns, half of the time, the index in the bag of the runtime that this thread entered last.
pub(super) fn innermost(world: &World) -> Option<usize> {
    if world.dice.one_in(2) {
        return None;
    }
    let number = world.inside.borrow().last().copied()?;
    let all = world.bag.runtimes.borrow();
    all.iter().position(|guest| guest.number == number)
}

pub(super) fn make(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(4);
    world.tell(|| format!("{place}: make {how}"));
    match how {
        0 | 1 => runtimes::make(world),
        2 => {
            if let Some(guest) = guest(world) {
                let spawner = (guest.number, guest.runtime().local_spawner());
                world.bag.spawners.borrow_mut().push(spawner);
            }
        }
        _ => {
            let handle = match guest(world) {
                Some(guest) => guest.handle.clone(),
                None if inside() => Handle::current(),
                None => return,
            };
            world.bag.handles.borrow_mut().push(handle);
        }
    }
}

pub(super) fn end(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(6);
    world.tell(|| format!("{place}: end {how}"));
    if dice.one_in(4) {
        _ = take(dice, &world.bag.spawners);
    }
    // Usually one runtime is left.
    if world.bag.runtimes.borrow().len() < 2 && !dice.one_in(4) {
        return;
    }
    let Some(guest) = take_guest(world) else {
        return;
    };
    match how {
        // If it is used elsewhere, it continues.
        0..3 => match Rc::try_unwrap(guest) {
            Ok(guest) if how == 0 => guest.shut_down(world, Some(Duration::ZERO)),
            Ok(guest) if how == 1 => guest.shut_down(world, None),
            Ok(guest) => drop(guest),
            Err(guest) => drop(guest),
        },
        3 => {
            // In a future that is ready at once.
            let outer = world
                .bag
                .runtimes
                .borrow()
                .iter()
                .find(|it| it.number < guest.number)
                .cloned();
            let Some(outer) = outer else {
                return drop(guest);
            };
            let handle = outer.going_in(world, |runtime| {
                let mut body = Body::new(world, false);
                body.holds = Some(guest);
                let record = body.record().clone();
                let handle = runtime.spawn(body);
                (record, handle)
            });
            keep(world, handle.0, handle.1);
        }
        4 => {
            if let Err(guest) = runtimes::leave_to_the_end(guest) {
                drop(guest);
            }
        }
        _ => drop(guest),
    }
}

pub(super) fn enter(world: &World, place: Place) {
    let Some(guest) = guest(world) else {
        return;
    };
    world.tell(|| format!("{place}: enter runtime {}", guest.number));
    guest.going_in(world, |runtime| {
        runtime.enter(|| {
            world::chaos(Place::Inside);
            // Twice as likely as the others, since it leads to most places.
            world::chaos(Place::Inside);
        })
    });
}

pub(super) fn run(world: &World, place: Place) {
    let dice = &world.dice;
    let Some(guest) = guest(world) else {
        return;
    };
    let how = dice.below(6);
    world.tell(|| format!("{place}: loop {how} of runtime {}", guest.number));
    // A panic in the panic hook ends the process, and polls may panic.
    if how == 5 || in_panic_hook() {
        std::hint::black_box(guest.runtime().next_timeout());
        return;
    }
    if world.looping.get() && !dice.one_in(8) {
        return;
    }
    match how {
        0..3 => guest.block_on(world),
        _ => guest.turn(world),
    }
}

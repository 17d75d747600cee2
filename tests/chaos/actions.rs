//! The actions of user code: public calls, on the objects of the bag.

#[path = "actions/broadcast.rs"]
pub mod broadcast;
#[path = "actions/channel.rs"]
pub mod channel;
#[path = "actions/handles.rs"]
pub mod handles;
#[path = "actions/io.rs"]
mod io;
#[path = "actions/lifecycle.rs"]
mod lifecycle;

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::{LocalSpawn, LocalSpawnExt, SpawnExt};
use wakeful::Handle;
use wakeful::class::Class;
use wakeful::task::JoinHandle;

use super::body::{Big, Body, Output, Record, Silent};
use super::dice::Dice;
use super::elsewhere::Job;
use super::guests::{Capture, Choosy, LOCAL, Local};
use super::hooks::in_panic_hook;
use super::places::{Kind, Place};
use super::runtimes::{Guest, Inside};
use super::world::{self, Joiner, Remote, Style, World, copy, take};
use handles::{join, poll_with, set, some_waker, wake};
use lifecycle::{end, enter, guest, make, run};

/// Takes an action of this kind.
pub fn take_action(world: &World, place: Place, kind: Kind) {
    if in_panic_hook() && matches!(kind, Kind::Class | Kind::Timer | Kind::Local) {
        // A panic in the panic hook ends the process, and these actions may panic.
        return look(world, place);
    }
    match kind {
        Kind::Spawn => spawn(world, place),
        Kind::Remote => remote(world, place),
        Kind::Abort => abort(world, place),
        Kind::Wake => wake(world, place),
        Kind::Join => join(world, place),
        Kind::Set => set(world, place),
        Kind::MakeRuntime => make(world, place),
        Kind::EndRuntime => end(world, place),
        Kind::Enter => enter(world, place),
        Kind::Loop => run(world, place),
        Kind::Trace => trace(world, place),
        Kind::Class => class(world, place),
        Kind::Timer => io::timer(world, place),
        Kind::Descriptor => io::descriptor(world, place),
        Kind::Broadcast => broadcast::act(world, place),
        Kind::Local => local(world, place),
        Kind::Lock => super::locks::act(world, place),
        Kind::Channel => channel::channel(world, place),
        Kind::Look => look(world, place),
        Kind::Panic => unreachable!("the place panics"),
    }
}

fn inside() -> bool {
    Handle::try_current().is_ok()
}

/// Keeps the handle of a new task, or drops it.
fn keep(world: &World, record: Rc<Record>, handle: JoinHandle<Output>) {
    record.spawned(world, handle.id());
    if world.dice.one_in(4) {
        return drop(handle);
    }
    world.bag.joiners.borrow_mut().push(Joiner {
        record,
        handle,
        waiting: None,
    });
}

fn spawn(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(8);
    world.tell(|| format!("{place}: spawn {how}"));
    match how {
        0..3 if inside() => {
            let body = Body::new(world, false);
            let record = body.record().clone();
            let big = dice.one_in(2);
            let handle = if big {
                let size = [1; 2048];
                wakeful::spawn(Big { body, size })
            } else {
                wakeful::spawn(body)
            };
            keep(world, record, handle);
        }
        3 if inside() => {
            let body = Body::new(world, false);
            let record = body.record().clone();
            let name = format!("task {}", record.number);
            let handle = wakeful::task::Builder::new().name(name).spawn(body);
            keep(world, record, handle);
        }
        4 => {
            if let Some((number, spawner)) = copy(dice, &world.bag.spawners) {
                // A spawner that refuses the future drops it in the current runtime.
                let takes = LocalSpawn::status_local(&spawner).is_ok();
                let _inside = takes.then(|| Inside::new(&world.inside, number));
                let body = Body::new(world, false);
                _ = spawner.spawn_local(Silent(body));
            }
        }
        5 => {
            if let Some(handle) = copy(dice, &world.bag.handles) {
                let capture = Capture::new(&world.tally);
                _ = SpawnExt::spawn(&handle, async move { drop(capture) });
            }
        }
        _ => {
            let Some(guest) = guest(world) else {
                return;
            };
            let (record, handle) = guest.going_in(world, |runtime| {
                let mut body = Body::new(world, false);
                hold(world, &guest, &mut body);
                let record = body.record().clone();
                (record, runtime.spawn(body))
            });
            keep(world, record, handle);
        }
    }
}

/// The future may get a runtime that was created after its own, so that no two hold each other.
fn hold(world: &World, guest: &Guest, body: &mut Body) {
    if !world.dice.one_in(4) {
        return;
    }
    let mut all = world.bag.runtimes.borrow_mut();
    if let Some(at) = all.iter().position(|it| it.number > guest.number) {
        body.holds = Some(all.swap_remove(at));
    }
}

fn remote(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(7);
    world.tell(|| format!("{place}: remote {how}"));
    if world.style == Style::Threads && dice.one_in(4) {
        return blocking(world);
    }
    match how {
        0..3 => {
            let Some(handle) = copy(dice, &world.bag.handles) else {
                return;
            };
            let capture = Capture::new(&world.tally);
            let handle = handle.spawn_with(move || {
                world::chaos(Place::Make);
                // Not after the future is created: a panic would make the compiler leak it
                // (rust-lang/rust#47949).
                drop(capture);
                let world = world::current().expect("the world of this thread");
                Body::new(&world, false)
            });
            let waiting = None;
            let remote = Remote { handle, waiting };
            world.bag.remotes.borrow_mut().push(remote);
        }
        3 | 4 => {
            let Some(mut remote) = take(dice, &world.bag.remotes) else {
                return;
            };
            remote.waiting = None;
            let (state, waker) = some_waker(world);
            let before = state.as_ref().map_or(0, |state| state.wakes());
            match Pin::new(&mut remote.handle).poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => {
                    remote.waiting = state.map(|state| (state, before));
                    world.bag.remotes.borrow_mut().push(remote);
                }
                Poll::Ready(result) => drop(result),
            }
        }
        5 => {
            if let Some(remote) = take(dice, &world.bag.remotes) {
                remote.handle.abort();
                std::hint::black_box(remote.handle.is_finished());
                match &*world.elsewhere.borrow() {
                    Some(elsewhere) => elsewhere.send(Job::Remote(remote.handle)),
                    None if dice.one_in(2) => world.bag.remotes.borrow_mut().push(remote),
                    None => {}
                }
            }
        }
        _ => {
            let handle = match guest(world).filter(|_| dice.one_in(2)) {
                Some(guest) => Some(guest.handle.clone()),
                None => copy(dice, &world.bag.handles),
            };
            if let Some(handle) = handle.filter(|_| dice.one_in(2)) {
                match &*world.elsewhere.borrow() {
                    Some(elsewhere) => elsewhere.send(Job::Shutdown(handle)),
                    None => handle.shutdown(),
                }
            } else if let Some(handle) = take(dice, &world.bag.handles)
                && let Some(elsewhere) = &*world.elsewhere.borrow()
            {
                elsewhere.send(Job::Spawn(handle));
            }
        }
    }
}

/// Spawns a closure on the pool. Its handle may be kept, aborted, polled or dropped.
fn blocking(world: &World) {
    let dice = &world.dice;
    if let Some(mut handle) = take(dice, &world.bag.blocking) {
        let (_, waker) = some_waker(world);
        match Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => world.bag.blocking.borrow_mut().push(handle),
            Poll::Ready(result) => drop(result),
        }
        return;
    }
    if !inside() {
        return;
    }
    let capture = Capture::new(&world.tally);
    let panics = dice.one_in(4);
    let handle = wakeful::spawn_blocking(move || {
        if panics {
            std::panic::resume_unwind(Box::new(capture));
        }
        capture
    });
    match dice.below(3) {
        0 => drop(handle),
        1 => handle.abort(),
        _ => world.bag.blocking.borrow_mut().push(handle),
    }
}

fn abort(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(6);
    world.tell(|| format!("{place}: abort {how}"));
    match how {
        0 | 1 => {
            if let Some(joiner) = take(dice, &world.bag.joiners) {
                world.tell(|| format!("abort of {}", joiner.record.name()));
                joiner.record.aborted.set(true);
                joiner.handle.abort();
                world.bag.joiners.borrow_mut().push(joiner);
            }
        }
        2 | 3 => {
            if let Some(joiner) = take(dice, &world.bag.joiners) {
                let handle = joiner.handle.abort_handle();
                let record = Some(joiner.record.clone());
                world.bag.joiners.borrow_mut().push(joiner);
                world.bag.aborts.borrow_mut().push((record, handle));
            }
        }
        _ => {
            let Some((record, handle)) = take(dice, &world.bag.aborts) else {
                return;
            };
            if let Some(record) = &record {
                record.aborted.set(true);
            }
            if let Some(elsewhere) = &*world.elsewhere.borrow() {
                return elsewhere.send(Job::Abort(handle));
            }
            handle.abort();
            if dice.one_in(2) {
                world.bag.aborts.borrow_mut().push((record, handle));
            }
        }
    }
}

#[cfg(feature = "trace")]
fn trace(world: &World, place: Place) {
    use wakeful::trace::{self, Level};
    let dice = &world.dice;
    let how = dice.below(7);
    world.tell(|| format!("{place}: trace {how}"));
    match how {
        0..3 if inside() => {
            let level = dice.pick(&[Level::Off, Level::Polls, Level::Wakes, Level::Clones]);
            trace::set_level(level);
        }
        3 if inside() => _ = std::hint::black_box(trace::snapshot().events().len()),
        4 => trace::mark("here"),
        5 => world.bag.spans.borrow_mut().push(trace::span("span")),
        _ => drop(take(dice, &world.bag.spans)),
    }
}

#[cfg(not(feature = "trace"))]
fn trace(world: &World, place: Place) {
    world.tell(|| format!("{place}: metrics"));
    if let Some(guest) = guest(world) {
        std::hint::black_box(guest.runtime().metrics());
    }
}

fn class(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(7);
    world.tell(|| format!("{place}: class {how}"));
    let make = how < 3 && world.style != Style::Alone && inside();
    if make {
        let (orders, _) = world.tally.orders.both();
        let mut builder = Class::builder(format!("class {orders} {}", dice.below(4)));
        builder = builder.shares(1 + dice.below(200) as u32);
        if dice.one_in(2) {
            builder = builder.order(Choosy::new(&world.tally));
        }
        if dice.one_in(3) {
            builder = builder.latency(Duration::from_micros(dice.below(500) as u64));
        }
        if let Ok(class) = builder.build() {
            world.bag.classes.borrow_mut().push(class);
        }
        return;
    }
    let class = match take(dice, &world.bag.classes) {
        Some(class) => class,
        None if inside() => Class::current(),
        None => return,
    };
    match how {
        0 => drop(class),
        1 => _ = class.remove(),
        2 => {
            std::hint::black_box(class.stats().is_ok());
            _ = class.set_shares(1 + dice.below(50) as u32);
            world.bag.classes.borrow_mut().push(class);
        }
        3 => {
            _ = class.set_latency(dice.one_in(2).then_some(Duration::from_micros(10)));
            world.bag.classes.borrow_mut().push(class);
        }
        _ => {
            if inside() && class.name().is_ok() {
                let body = Body::new(world, false);
                let record = body.record().clone();
                // A class of another runtime is refused, and the future dropped.
                let again = class.clone();
                let spawned = RefCell::new(None);
                world.attempt(|| {
                    *spawned.borrow_mut() = Some(wakeful::spawn_in(&again, body));
                });
                if let Some(handle) = spawned.take() {
                    keep(world, record, handle);
                }
            }
            world.bag.classes.borrow_mut().push(class);
        }
    }
}

fn local(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(4);
    world.tell(|| format!("{place}: local {how}"));
    match how {
        0 => LOCAL.sync_scope(Local::new(&world.tally), || world::chaos(Place::Inside)),
        1 => _ = LOCAL.try_with(|_| world::chaos(Place::Inside)),
        2 if inside() => {
            let body = Body::new(world, false);
            let record = body.record().clone();
            let handle = wakeful::spawn(LOCAL.scope(Local::new(&world.tally), body));
            keep(world, record, handle);
        }
        _ => {
            let mut scope = pin!(LOCAL.scope(Local::new(&world.tally), async {}));
            _ = scope.as_mut().take_value();
        }
    }
}

fn look(world: &World, place: Place) {
    world.tell(|| format!("{place}: look"));
    std::hint::black_box(wakeful::task::try_id());
    std::hint::black_box(wakeful::task::name());
    std::hint::black_box(wakeful::task::should_yield());
    if let Some(guest) = guest(world) {
        std::hint::black_box(format!("{:?} {:?}", guest.runtime(), guest.handle));
        guest.check(world);
    }
    if let Ok(handle) = Handle::try_current()
        && world.bag.handles.borrow().len() < 8
    {
        world.bag.handles.borrow_mut().push(handle);
    }
}

/// Returns a duration from zero to a number of microseconds.
fn micros(dice: &Dice, most: usize) -> Duration {
    Duration::from_micros(dice.below(most) as u64)
}

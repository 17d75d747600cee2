//! What user code does: the public calls, on whatever lies about.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::task::{LocalSpawnExt, SpawnExt};
use wakeful::Handle;
use wakeful::class::Class;
use wakeful::task::{JoinHandle, JoinSet};

use super::body::{Big, Body, Output, Record, Silent};
use super::dice::Dice;
use super::elsewhere::Job;
use super::foreign;
use super::guests::{Capture, Choosy, LOCAL, Local};
use super::hooks::in_panic_hook;
use super::places::{Kind, Place};
use super::runtimes::{self, Guest, Inside};
use super::world::{self, Joiner, Known, Remote, Set, Style, World, copy, take};

#[path = "actions/broadcast.rs"]
pub mod broadcast;
#[path = "actions/io.rs"]
mod io;

/// Takes an action of that kind.
pub fn take_action(world: &World, place: Place, kind: Kind) {
    if in_panic_hook() && matches!(kind, Kind::Class | Kind::Timer | Kind::Local) {
        // A panic in there ends the process, and these may panic.
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
        Kind::Look => look(world, place),
        Kind::Panic => unreachable!("the place panics"),
    }
}

fn inside() -> bool {
    Handle::try_current().is_some()
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

/// Returns a runtime of the bag: often the one that is calling user code, as it is not idle.
fn guest(world: &World) -> Option<Rc<Guest>> {
    match innermost(world) {
        Some(at) => world.bag.runtimes.borrow().get(at).cloned(),
        None => copy(&world.dice, &world.bag.runtimes),
    }
}

/// Takes such a runtime out.
fn take_guest(world: &World) -> Option<Rc<Guest>> {
    match innermost(world) {
        Some(at) => Some(world.bag.runtimes.borrow_mut().swap_remove(at)),
        None => take(&world.dice, &world.bag.runtimes),
    }
}

/// Half of the time: where in the bag the runtime is that this thread went into last.
fn innermost(world: &World) -> Option<usize> {
    if world.dice.one_in(2) {
        return None;
    }
    let number = world.inside.borrow().last().copied()?;
    let all = world.bag.runtimes.borrow();
    all.iter().position(|guest| guest.number == number)
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
                let _inside = Inside::new(&world.inside, number);
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

/// The future may get a runtime that was made later than its own, so that no two hold each other.
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
                // Not after the future is made: a panic would make the compiler leak it
                // (rust-lang/rust#47949).
                drop(capture);
                let world = world::current().expect("the thread has its world");
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

/// A closure for the pool, whose handle may be kept, aborted, polled or dropped.
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

fn wake(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(7);
    world.tell(|| format!("{place}: wake {how}"));
    if how < 2 {
        if dice.one_in(2) {
            // It wakes what polls it.
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

/// A copy of the waker of what is being polled.
fn own_waker(world: &World) -> Option<Known> {
    let own = world.own.borrow();
    let known = own.last()?;
    Some(Known {
        record: known.record.clone(),
        // A task's, or that of `block_on`.
        waker: known.waker.clone(),
    })
}

/// A waker to poll something with: a foreign one, with its state, or a task's.
fn some_waker(world: &World) -> (Option<Arc<foreign::State>>, Waker) {
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

fn join(world: &World, place: Place) {
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
            world.insist(Some(joiner.handle.id()) == joiner.record.id.get(), || {
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

fn set(world: &World, place: Place) {
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
            // Nothing that it waited for is in it any more.
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

fn new_set(world: &World) {
    let mut set = JoinSet::new();
    if inside() && world.dice.one_in(2) {
        let members = world.dice.below(3);
        set = (0..members)
            .map(|_| {
                world::chaos(Place::Iterator);
                let world = world::current().expect("it is there");
                Body::new(&world, false)
            })
            .collect();
    }
    let waiting = None;
    world.bag.sets.borrow_mut().push(Set { set, waiting });
}

fn make(world: &World, place: Place) {
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

fn end(world: &World, place: Place) {
    let dice = &world.dice;
    let how = dice.below(6);
    world.tell(|| format!("{place}: end {how}"));
    if dice.one_in(4) {
        _ = take(dice, &world.bag.spawners);
    }
    // Most of the time one is left.
    if world.bag.runtimes.borrow().len() < 2 && !dice.one_in(4) {
        return;
    }
    let Some(guest) = take_guest(world) else {
        return;
    };
    match how {
        // Someone else may have it: then it goes on.
        0..3 => match Rc::try_unwrap(guest) {
            Ok(guest) if how == 0 => guest.shut_down(world, Some(Duration::ZERO)),
            Ok(guest) if how == 1 => guest.shut_down(world, None),
            Ok(guest) => drop(guest),
            Err(guest) => drop(guest),
        },
        3 => {
            // In a future that does nothing.
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

fn enter(world: &World, place: Place) {
    let Some(guest) = guest(world) else {
        return;
    };
    world.tell(|| format!("{place}: enter runtime {}", guest.number));
    guest.going_in(world, |runtime| {
        runtime.enter(|| {
            world::chaos(Place::Inside);
            // Twice as much, since it leads to the most.
            world::chaos(Place::Inside);
        })
    });
}

fn run(world: &World, place: Place) {
    let dice = &world.dice;
    let Some(guest) = guest(world) else {
        return;
    };
    let how = dice.below(6);
    world.tell(|| format!("{place}: loop {how} of runtime {}", guest.number));
    // A panic inside of the panic hook ends the process, and polls may panic.
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
                // It refuses a class of another runtime, and drops the future.
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
    if let Some(handle) = Handle::try_current()
        && world.bag.handles.borrow().len() < 8
    {
        world.bag.handles.borrow_mut().push(handle);
    }
}

/// Polls it with some waker.
fn poll_with<F: Future>(world: &World, future: Pin<&mut F>) -> Poll<F::Output> {
    let (_, waker) = some_waker(world);
    let poll = future.poll(&mut Context::from_waker(&waker));
    // Not on the way out, where a panic would leak what is returned (rust-lang/rust#47949).
    drop(waker);
    poll
}

/// From nothing to that many microseconds.
fn micros(dice: &Dice, most: usize) -> Duration {
    Duration::from_micros(dice.below(most) as u64)
}

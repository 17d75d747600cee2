//! Runtimes, and going into them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use wakeful::{Builder, Handle, Runtime};

use super::body::Body;
use super::guests::Choosy;
use super::places::Place;
use super::world::{self, Reset, Style, Tally, World};

/// A runtime of the seed.
pub struct Guest {
    pub number: usize,
    pub runtime: Option<Runtime>,
    pub handle: Handle,
    tally: Arc<Tally>,
}

/// At a time.
const RUNTIMES: usize = 4;

/// Makes a runtime and puts it into the bag.
pub fn make(world: &World) {
    let (made, dropped) = world.tally.runtimes.both();
    if made - dropped >= RUNTIMES {
        return;
    }
    let dice = &world.dice;
    let mut builder = Builder::new();
    let real = world.style == Style::Threads && dice.one_in(2);
    builder = builder
        .start_paused(!real)
        .event_interval(1 + dice.below(8) as u32);
    if dice.one_in(3) {
        let tally = world.tally.clone();
        builder = builder.order(move || {
            world::chaos(Place::OrderMake);
            Choosy::new(&tally)
        });
    }
    if dice.one_in(4) {
        builder = builder.metrics_level(wakeful::MetricsLevel::Times);
    }
    if dice.one_in(4) {
        builder = builder.backend(wakeful::reactor::Backend::Portable);
    }
    if dice.one_in(8) {
        builder = builder.ignore_stalls();
    }
    if dice.one_in(3) {
        builder = builder
            .on_thread_park(|| world::chaos(Place::Park))
            .on_thread_unpark(|| world::chaos(Place::Unpark));
    }
    builder = traced(world, builder);
    let number = world.runtimes.replace(world.runtimes.get() + 1);
    world.tell(|| format!("new runtime {number}"));
    let runtime = builder.build().expect("a runtime");
    world.tally.runtimes.made();
    let guest = Rc::new(Guest {
        number,
        handle: runtime.handle(),
        runtime: Some(runtime),
        tally: world.tally.clone(),
    });
    world.bag.runtimes.borrow_mut().push(guest);
}

#[cfg(feature = "trace")]
fn traced(world: &World, builder: Builder) -> Builder {
    use wakeful::trace::Level;
    let dice = &world.dice;
    let builder =
        builder.trace_level(dice.pick(&[Level::Off, Level::Polls, Level::Wakes, Level::Clones]));
    let builder = match dice.one_in(4) {
        true => builder.trace_capacity(16),
        false => builder,
    };
    if dice.one_in(3) {
        return builder;
    }
    builder.trace_on_trouble(|_, snapshot| {
        std::hint::black_box(snapshot.events().len());
        std::hint::black_box(wakeful::task::try_id());
        world::chaos(Place::TroubleHook);
    })
}

#[cfg(not(feature = "trace"))]
fn traced(_: &World, builder: Builder) -> Builder {
    builder
}

impl Guest {
    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until its drop")
    }

    /// Calls `f` as the thread's own runtime is about to be this one.
    pub fn going_in<R>(&self, world: &World, f: impl FnOnce(&Runtime) -> R) -> R {
        let _inside = Inside::new(&world.inside, self.number);
        f(self.runtime())
    }

    /// The same for a loop, which is refused inside of another.
    fn looping<R>(&self, world: &World, f: impl FnOnce(&Runtime) -> R) -> R {
        if world.looping.get() {
            return f(self.runtime());
        }
        let _looping = Reset::new(&world.looping, true);
        self.going_in(world, f)
    }

    /// Runs the loop for a future.
    pub fn block_on(&self, world: &World) {
        world.tell(|| format!("runtime {}: block_on", self.number));
        let (record, output) = self.looping(world, |runtime| {
            let main = Body::new(world, true);
            (main.record().clone(), runtime.block_on(main))
        });
        // Its drop is no longer inside of the runtime.
        world.insist(output.number == record.number, || {
            format!("{} gave {}", record.name(), output.number)
        });
    }

    /// Takes a step of the loop.
    pub fn turn(&self, world: &World) {
        world.tell(|| format!("runtime {}: turn", self.number));
        self.looping(world, |runtime| runtime.turn().expect("a turn"));
    }

    /// Outside of everything no task runs.
    pub fn check(&self, world: &World) {
        if world.is_outside() {
            let id = self.going_in(world, |runtime| runtime.enter(wakeful::task::try_id));
            world.insist(id.is_none(), || {
                format!("runtime {} is at rest, and task {id:?} runs", self.number)
            });
        }
    }

    /// Ends it now, with that patience.
    pub fn shut_down(mut self, world: &World, patience: Option<Duration>) {
        let _inside = Inside::new(&world.inside, self.number);
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        world.tell(|| format!("runtime {}: shutdown {patience:?}", self.number));
        self.tally.runtimes.dropped();
        match patience {
            Some(patience) => _ = runtime.shutdown_timeout(patience),
            None => runtime.shutdown_background(),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        self.tally.runtimes.dropped();
        let Some(world) = world::current() else {
            return drop(runtime);
        };
        world.tell(|| format!("runtime {}: drop", self.number));
        let _inside = Inside::new(&world.inside, self.number);
        drop(runtime);
        world.tell(|| format!("runtime {}: dropped", self.number));
    }
}

/// The thread is about to go into that runtime, for as long as this lives.
pub struct Inside<'a>(&'a RefCell<Vec<usize>>);

impl<'a> Inside<'a> {
    pub fn new(stack: &'a RefCell<Vec<usize>>, number: usize) -> Inside<'a> {
        stack.borrow_mut().push(number);
        Inside(stack)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().pop();
    }
}

thread_local! {
    /// What the end of the thread drops.
    static LATE: RefCell<Late> = const { RefCell::new(Late { guests: Vec::new(), close: None }) };
}

struct Late {
    guests: Vec<Rc<Guest>>,
    /// What comes last.
    close: Option<Box<dyn FnOnce()>>,
}

impl Drop for Late {
    fn drop(&mut self) {
        let Some(close) = self.close.take() else {
            return;
        };
        if let Some(world) = world::current() {
            world.late.set(true);
        }
        world::chaos(Place::ThreadLocal);
        world::chaos(Place::ThreadLocal);
        world::drop_quietly(std::mem::take(&mut self.guests));
        world::chaos(Place::ThreadLocal);
        close();
    }
}

/// Registers such a destructor for the thread. The order of creation decides which runs first.
pub fn touch_late() {
    LATE.with_borrow(|_| ());
}

/// The thread is to drop this runtime as it ends.
pub fn leave_to_the_end(guest: Rc<Guest>) -> Result<(), Rc<Guest>> {
    let mut guest = Some(guest);
    let kept = LATE.try_with(|late| {
        // It may be in the middle of its drop.
        if let Ok(mut late) = late.try_borrow_mut() {
            late.guests.extend(guest.take());
        }
    });
    match (kept, guest) {
        (_, Some(guest)) => Err(guest),
        (_, None) => Ok(()),
    }
}

/// Drops what is left there and calls `close`, now or as the thread ends.
pub fn finish(at_the_end_of_the_thread: bool, close: impl FnOnce() + 'static) {
    let (guests, close) = LATE.with_borrow_mut(|late| {
        if at_the_end_of_the_thread {
            late.close = Some(Box::new(close));
            return (Vec::new(), None);
        }
        (std::mem::take(&mut late.guests), Some(close))
    });
    world::drop_quietly(guests);
    if let Some(close) = close {
        close();
    }
}

//! The runtimes of a seed, and entering them.

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

/// The largest number of runtimes at a time.
const RUNTIMES: usize = 4;

/// Creates a runtime and puts it into the bag.
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
        self.runtime
            .as_ref()
            .expect("the runtime is there until the drop")
    }

    /// Calls `f`, during which this thread counts as inside of this runtime.
    pub fn going_in<R>(&self, world: &World, f: impl FnOnce(&Runtime) -> R) -> R {
        let _inside = Inside::new(&world.inside, self.number);
        f(self.runtime())
    }

    /// Calls `f`, which runs the loop. Inside of another loop the runtime refuses that.
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
        // The future is dropped outside of the runtime.
        world.check(output.number == record.number, || {
            format!("{} gave {}", record.name(), output.number)
        });
    }

    /// Runs one turn of the loop.
    pub fn turn(&self, world: &World) {
        world.tell(|| format!("runtime {}: turn", self.number));
        self.looping(world, |runtime| runtime.turn().expect("a turn"));
    }

    /// Checks that outside of all loops no task is current.
    pub fn check(&self, world: &World) {
        if world.is_outside() {
            let id = self.going_in(world, |runtime| runtime.enter(wakeful::task::try_id));
            world.check(id.is_none(), || {
                format!("runtime {} is at rest, and task {id:?} runs", self.number)
            });
        }
    }

    /// Shuts the runtime down with this timeout.
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

/// Records that this thread is inside of a runtime, until it is dropped.
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
    /// The objects that are dropped at the end of the thread.
    static LATE: RefCell<Late> = const { RefCell::new(Late { guests: Vec::new(), close: None }) };
}

struct Late {
    guests: Vec<Rc<Guest>>,
    /// Closes the world when it is dropped, which is last.
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

/// Initializes the thread-local. The order of initialization decides which one is destroyed first.
pub fn touch_late() {
    LATE.with_borrow(|_| ());
}

/// Keeps the runtime for the thread to drop at its end.
pub fn leave_to_the_end(guest: Rc<Guest>) -> Result<(), Rc<Guest>> {
    let mut guest = Some(guest);
    let kept = LATE.try_with(|late| {
        // The runtime may be in the middle of its drop.
        if let Ok(mut late) = late.try_borrow_mut() {
            late.guests.extend(guest.take());
        }
    });
    match (kept, guest) {
        (_, Some(guest)) => Err(guest),
        (_, None) => Ok(()),
    }
}

/// Drops the kept objects and calls `close`, now or at the end of the thread.
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

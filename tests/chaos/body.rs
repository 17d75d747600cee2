//! The futures of all tasks, and their outputs.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wakeful::reactor::Async;
use wakeful::task::{Id, JoinHandle, try_id};
use wakeful::time::Sleep;

use super::channels::{Inbox, Pipe};
use super::guests::Fd;
use super::places::Place;
use super::runtimes::Guest;
use super::world::{self, Known, Reset, Tally, World};

/// How a future ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Returned,
    Panicked,
    Dropped,
}

/// The record of a task: its properties, and what has happened to it.
pub struct Record {
    pub number: usize,
    /// Whether it is the future of `block_on`, which is not a task.
    pub main: bool,
    /// The number of its runtime.
    pub runtime: Cell<Option<usize>>,
    pub id: Cell<Option<Id>>,
    pub polls: Cell<u32>,
    polling: Cell<bool>,
    /// Whether it was woken since its last poll began, also by other threads.
    pub woken: AtomicBool,
    pub aborted: Cell<bool>,
    pub end: Cell<Option<End>>,
    pub drops: Cell<u32>,
    /// Whether it has thrown a panic, in its poll or its drop.
    pub threw: Cell<bool>,
    pub outputs: Cell<u32>,
    /// The task whose handle it awaits.
    pub awaits: RefCell<Option<Rc<Record>>>,
    /// From which channel it waits for a message.
    pub listens: RefCell<Option<Rc<Pipe>>>,
}

impl Record {
    pub fn name(&self) -> String {
        let kind = if self.main { "main" } else { "task" };
        format!("{kind} {}", self.number)
    }

    pub fn is_over(&self) -> bool {
        self.end.get().is_some()
    }

    /// Records that it is about to be woken.
    pub fn wake(&self) {
        if !self.is_over() {
            self.woken.store(true, Ordering::SeqCst);
        }
    }
}

/// The output of a task.
pub struct Output {
    pub number: usize,
    tally: Arc<Tally>,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.tally.outputs.dropped();
        world::chaos(Place::OutputDrop);
    }
}

/// The object that a future waits for.
pub enum Wait {
    Nothing,
    Task(Rc<Record>, JoinHandle<Output>),
    Time(Pin<Box<Sleep>>),
    Readable(Rc<Async<Fd>>),
    Message(Inbox),
}

impl Wait {
    fn text(&self) -> String {
        match self {
            Wait::Nothing => "a wake".to_owned(),
            Wait::Task(record, _) => record.name(),
            Wait::Time(sleep) => format!("{:?}", sleep.deadline()),
            Wait::Readable(_) => "a descriptor".to_owned(),
            Wait::Message(inbox) => inbox.pipe.name(),
        }
    }
}

pub struct Body {
    record: Rc<Record>,
    tally: Arc<Tally>,
    /// The number of polls left.
    steps: u32,
    /// Whether it ends on its own, and waits only for events that will come.
    sure: bool,
    wait: Wait,
    /// Woken when it ends, for any reason.
    pub pokes: Vec<Known>,
    /// A runtime that the future holds.
    pub holds: Option<Rc<Guest>>,
}

impl Body {
    pub fn new(world: &World, main: bool) -> Body {
        let record = Rc::new(Record {
            number: world.records.borrow().len(),
            main,
            runtime: Cell::new(world.inside.borrow().last().copied()),
            id: Cell::new(None),
            polls: Cell::new(0),
            polling: Cell::new(false),
            woken: AtomicBool::new(false),
            aborted: Cell::new(false),
            end: Cell::new(None),
            drops: Cell::new(0),
            threw: Cell::new(false),
            outputs: Cell::new(0),
            awaits: RefCell::default(),
            listens: RefCell::default(),
        });
        world.records.borrow_mut().push(record.clone());
        world.tell(|| format!("new {}, runtime {:?}", record.name(), record.runtime.get()));
        world.tally.futures.made();
        Body {
            record,
            tally: world.tally.clone(),
            steps: world.dice.pick(&[1, 1, 2, 3, 5]),
            sure: main,
            wait: Wait::Nothing,
            pokes: Vec::new(),
            holds: None,
        }
    }

    pub fn sure(world: &World) -> Body {
        let mut body = Body::new(world, false);
        body.sure = true;
        body
    }

    pub fn record(&self) -> &Rc<Record> {
        &self.record
    }

    /// Polls the object that it waits for.
    fn waits(&mut self, cx: &mut Context<'_>) -> bool {
        let over = match &mut self.wait {
            Wait::Nothing => return false,
            Wait::Task(record, handle) => match Pin::new(handle).poll(cx) {
                Poll::Ready(result) => {
                    let record = record.clone();
                    self.wait = Wait::Nothing;
                    self.record.awaits.take();
                    if let Some(world) = world::current() {
                        world.joined(&record, result);
                    }
                    true
                }
                Poll::Pending => false,
            },
            Wait::Time(sleep) => sleep.as_mut().poll(cx).is_ready(),
            Wait::Readable(descriptor) => descriptor.poll_readable(cx).is_ready(),
            Wait::Message(inbox) => match inbox.receiver.poll_recv(cx) {
                Poll::Ready(message) => {
                    self.record.listens.take();
                    if let (Some(world), Some(message)) = (world::current(), &message) {
                        world.received(&inbox.pipe, message);
                    }
                    // The message is dropped first, and its drop may panic.
                    drop(message);
                    true
                }
                Poll::Pending => false,
            },
        };
        if over {
            self.wait = Wait::Nothing;
        }
        !over
    }

    /// Chooses the next object to wait for. Returns `false` if it has requested another poll.
    fn choose(&mut self, world: &World, waker: &Waker) -> bool {
        let wake = |waker: &Waker| {
            self.record.wake();
            waker.wake_by_ref();
        };
        let dice = &world.dice;
        match dice.below(if self.sure { 4 } else { 9 }) {
            0 => {
                wake(waker);
                return false;
            }
            1 if wakeful::Handle::try_current().is_ok() => {
                let time = Duration::from_micros(dice.below(3000) as u64);
                self.wait = Wait::Time(Box::pin(wakeful::time::sleep(time)));
            }
            2 | 3 if wakeful::Handle::try_current().is_ok() && world.may_have_children() => {
                let mut other = Body::sure(world);
                if dice.one_in(2) {
                    let record = other.record.clone();
                    let handle = wakeful::spawn(other);
                    record.spawned(world, handle.id());
                    *self.record.awaits.borrow_mut() = Some(record.clone());
                    self.wait = Wait::Task(record, handle);
                } else {
                    let known = Known {
                        record: Some(self.record.clone()),
                        waker: waker.clone(),
                    };
                    other.pokes.push(known);
                    let record = other.record.clone();
                    record.spawned(world, wakeful::spawn(other).id());
                    return false;
                }
            }
            4 => {
                let joiner = world::take(dice, &world.bag.joiners);
                // Not its own handle, which it could not outlive.
                if let Some(joiner) = joiner.filter(|it| !Rc::ptr_eq(&it.record, &self.record)) {
                    *self.record.awaits.borrow_mut() = Some(joiner.record.clone());
                    self.wait = Wait::Task(joiner.record, joiner.handle);
                }
            }
            5 => {
                if let Some(descriptor) = world::copy(dice, &world.bag.descriptors) {
                    self.wait = Wait::Readable(descriptor);
                }
            }
            6 => {
                let known = Known {
                    record: Some(self.record.clone()),
                    waker: waker.clone(),
                };
                world.bag.wakers.borrow_mut().push(known);
                return false;
            }
            7 => {
                if let Some(mut inbox) = world::take(dice, &world.bag.inboxes) {
                    inbox.waiting = None;
                    *self.record.listens.borrow_mut() = Some(inbox.pipe.clone());
                    self.wait = Wait::Message(inbox);
                }
            }
            _ if self.sure => {
                wake(waker);
                return false;
            }
            _ => return false,
        }
        true
    }

    fn step(&mut self, world: &World, cx: &mut Context<'_>) -> Poll<Output> {
        if self.waits(cx) {
            return Poll::Pending;
        }
        if world.still.get() {
            if !self.sure {
                return Poll::Pending;
            }
            self.steps = 0;
        }
        while self.steps > 0 {
            self.steps -= 1;
            if !self.choose(world, cx.waker()) || self.waits(cx) {
                return Poll::Pending;
            }
        }
        self.record.end.set(Some(End::Returned));
        self.record.outputs.set(1);
        self.tally.outputs.made();
        Poll::Ready(Output {
            number: self.record.number,
            tally: self.tally.clone(),
        })
    }
}

impl Record {
    /// Records that it was spawned, with its number.
    pub fn spawned(&self, world: &World, id: Id) {
        let before = self.id.replace(Some(id));
        world.check(before.is_none_or(|before| before == id), || {
            format!("{} ran as {before:?}, its handle says {id}", self.name())
        });
    }
}

impl Future for Body {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let world = world::current().expect("a task outlives its world");
        let record = self.record.clone();
        world.polls.set(world.polls.get() + 1);
        world.tell(|| format!("poll {}", record.name()));
        world.check(!record.polling.get(), || {
            format!("{} is polled inside its poll", record.name())
        });
        world.check(!record.is_over() && record.drops.get() == 0, || {
            format!("{} is polled after its end", record.name())
        });
        let _polling = Reset::new(&record.polling, true);
        record.polls.set(record.polls.get() + 1);
        record.woken.store(false, Ordering::SeqCst);
        let id = try_id();
        if record.main {
            world.check(id.is_none(), || format!("{} is task {id:?}", record.name()));
        } else {
            let before = record.id.get();
            world.check(
                id.is_some() && before.is_none_or(|it| Some(it) == id),
                || format!("{} runs as {id:?}, not {before:?}", record.name()),
            );
            record.id.set(id);
        }
        let own = Own::new(&world, &record, cx.waker());
        let threw = Threw(&record, Some(End::Panicked));
        world::chaos(if record.main {
            Place::Main
        } else {
            Place::Poll
        });
        let poll = self.step(&world, cx);
        if poll.is_pending() {
            world.tell(|| format!("{} waits for {}", record.name(), self.wait.text()));
        }
        std::mem::forget(threw);
        drop(own);
        world.check(try_id() == id, || {
            format!(
                "{} began as {id:?} and ends as {:?}",
                record.name(),
                try_id()
            )
        });
        poll
    }
}

/// A panic passes through, and becomes the task's panic.
struct Threw<'a>(&'a Record, Option<End>);

impl Drop for Threw<'_> {
    fn drop(&mut self) {
        self.0.threw.set(true);
        if let Some(end) = self.1 {
            self.0.end.set(Some(end));
        }
    }
}

/// The waker of the current poll, for the actions in it.
struct Own<'a>(&'a World, usize);

impl<'a> Own<'a> {
    fn new(world: &'a World, record: &Rc<Record>, waker: &Waker) -> Own<'a> {
        let depth = world.own.borrow().len();
        let waker = waker.clone();
        let record = Some(record.clone());
        world.own.borrow_mut().push(Known { record, waker });
        Own(world, depth)
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        let popped = self.0.own.borrow_mut().pop();
        debug_assert_eq!(self.0.own.borrow().len(), self.1);
        world::drop_quietly(popped);
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let record = self.record.clone();
        record.drops.set(record.drops.get() + 1);
        self.tally.futures.dropped();
        if !record.is_over() {
            record.end.set(Some(End::Dropped));
        }
        let Some(world) = world::current() else {
            return;
        };
        world.tell(|| format!("drop {} {:?}", record.name(), record.end.get()));
        world.check(record.drops.get() == 1, || {
            format!("{} is dropped {} times", record.name(), record.drops.get())
        });
        world.check(!record.polling.get() || record.threw.get(), || {
            format!("{} is dropped inside its poll", record.name())
        });
        for known in self.pokes.drain(..) {
            if let Some(record) = &known.record {
                record.wake();
            }
            known.waker.wake();
        }
        let threw = Threw(&record, None);
        // If the future of `block_on` has returned and its drop panics, the compiler leaks what is
        // about to be returned (rust-lang/rust#47949).
        let returned = record.main && record.end.get() == Some(End::Returned);
        let _calm = Reset::new(&world.calm, world.calm.get() || returned);
        world::chaos(Place::FutureDrop);
        std::mem::forget(threw);
    }
}

/// A future that is too large for the slab.
pub struct Big {
    pub body: Body,
    pub size: [u8; 2048],
}

impl Future for Big {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        std::hint::black_box(&self.size);
        Pin::new(&mut self.body).poll(cx)
    }
}

/// A future without an output.
pub struct Silent(pub Body);

impl Future for Silent {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

//! The state of one seed: its choices, its objects, their records, and the failed checks.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::thread;

use wakeful::class::Class;
use wakeful::reactor::Async;
use wakeful::sync::mpsc::OwnedPermit;
use wakeful::task::{AbortHandle, JoinHandle, JoinSet, try_id};
use wakeful::time::Sleep;
use wakeful::{Handle, LocalSpawner, RemoteJoinHandle};

use super::actions;
use super::body::{Output, Record};
use super::channels::{Inbox, Message, Outbox, Sending};
use super::dice::Dice;
use super::elsewhere::Elsewhere;
use super::foreign;
use super::guests::{Capture, Fd};
use super::locks::Locks;
use super::places::{Kind, Place, possible};
use super::runtimes::Guest;
use super::story::Story;

/// The depth of places inside places.
const DEPTH: u32 = 6;

/// The features that a campaign uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Only features with which a seed always runs in the same way.
    Alone,
    /// Also several classes, which are scheduled by the time that they used.
    Classes,
    /// Also another thread, the blocking pool and the real clock.
    Threads,
}

/// Counts the created and the dropped values of a type, on any thread.
#[derive(Debug, Default)]
pub struct Count {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

impl Count {
    pub fn made(&self) {
        self.made.fetch_add(1, Ordering::SeqCst);
    }

    pub fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }

    pub fn both(&self) -> (usize, usize) {
        let made = self.made.load(Ordering::SeqCst);
        (made, self.dropped.load(Ordering::SeqCst))
    }
}

/// Checks that each created value was dropped once.
#[derive(Debug, Default)]
pub struct Tally {
    pub futures: Count,
    pub outputs: Count,
    pub payloads: Count,
    pub wakers: Count,
    pub closures: Count,
    pub locals: Count,
    pub orders: Count,
    pub descriptors: Count,
    pub messages: Count,
    pub runtimes: Count,
}

/// A handle, the state of the foreign waker that it was last polled with, and its wakes before.
pub struct Joiner {
    pub record: Rc<Record>,
    pub handle: JoinHandle<Output>,
    pub waiting: Option<(Arc<foreign::State>, usize)>,
}

pub struct Set {
    pub set: JoinSet<Output>,
    pub waiting: Option<(Arc<foreign::State>, usize)>,
}

pub struct Remote {
    pub handle: RemoteJoinHandle<Output>,
    pub waiting: Option<(Arc<foreign::State>, usize)>,
}

/// A waker of a task, or a foreign one.
pub struct Known {
    pub record: Option<Rc<Record>>,
    pub waker: Waker,
}

/// The objects that actions can use. An action takes them out and puts them back.
#[derive(Default)]
pub struct Bag {
    pub runtimes: RefCell<Vec<Rc<Guest>>>,
    pub joiners: RefCell<Vec<Joiner>>,
    pub sets: RefCell<Vec<Set>>,
    pub remotes: RefCell<Vec<Remote>>,
    pub blocking: RefCell<Vec<JoinHandle<Capture>>>,
    pub aborts: RefCell<Vec<(Option<Rc<Record>>, AbortHandle)>>,
    pub wakers: RefCell<Vec<Known>>,
    pub handles: RefCell<Vec<Handle>>,
    /// The runtimes with their numbers.
    pub spawners: RefCell<Vec<(usize, LocalSpawner)>>,
    pub classes: RefCell<Vec<Class>>,
    pub sleeps: RefCell<Vec<Pin<Box<Sleep>>>>,
    pub descriptors: RefCell<Vec<Rc<Async<Fd>>>>,
    pub channels: actions::broadcast::Bag,
    pub peers: RefCell<Vec<std::os::unix::net::UnixStream>>,
    pub outboxes: RefCell<Vec<Outbox>>,
    pub inboxes: RefCell<Vec<Inbox>>,
    pub sendings: RefCell<Vec<Sending>>,
    pub permits: RefCell<Vec<(Outbox, OwnedPermit<Message>)>>,
    #[cfg(feature = "trace")]
    pub spans: RefCell<Vec<wakeful::trace::Span>>,
}

pub struct World {
    pub style: Style,
    pub dice: Dice,
    pub story: Arc<Story>,
    pub tally: Arc<Tally>,
    pub bag: Bag,
    pub locks: Locks,
    pub records: RefCell<Vec<Rc<Record>>>,
    pub faults: RefCell<Vec<String>>,
    /// The number of actions by place and kind.
    pub counts: RefCell<Vec<[u32; Kind::ALL.len()]>>,
    /// The wakers of the current polls, the innermost last.
    pub own: RefCell<Vec<Known>>,
    /// The numbers of the runtimes that this thread is inside of, the innermost last.
    pub inside: RefCell<Vec<usize>>,
    /// The number of runtimes so far.
    pub runtimes: Cell<usize>,
    /// The number of channels so far.
    pub pipes: Cell<usize>,
    /// The number of polls so far.
    pub polls: Cell<u64>,
    pub looping: Cell<bool>,
    /// Whether no more actions are taken.
    pub still: Cell<bool>,
    /// Whether no more panics are thrown.
    pub calm: Cell<bool>,
    /// Whether the thread is ending.
    pub late: Cell<bool>,
    pub elsewhere: RefCell<Option<Elsewhere>>,
    depth: Cell<u32>,
    left: Cell<u32>,
    /// The number of tasks that tasks may still spawn and wait for.
    children: Cell<u32>,
}

thread_local! {
    /// Without a destructor, so that the destructors of others can use it.
    static WORLD: Cell<Option<ManuallyDrop<Rc<World>>>> = const { Cell::new(None) };
}

/// The payload of a panic on purpose.
pub struct Blast(Arc<Tally>, usize);

/// The payload of a panic in the drop of such a payload.
pub struct Second;

impl Drop for Blast {
    fn drop(&mut self) {
        self.0.payloads.dropped();
        if let Some(world) = current() {
            world.tell(|| format!("drop payload {}", self.1));
        }
        chaos(Place::PayloadDrop);
    }
}

/// Returns the world of this thread, if a seed runs here.
pub fn current() -> Option<Rc<World>> {
    let world = WORLD.take()?;
    let ours = Rc::clone(&world);
    WORLD.set(Some(world));
    Some(ours)
}

/// Makes it the world of this thread.
pub fn begin(world: Rc<World>) {
    WORLD.set(Some(ManuallyDrop::new(world)));
}

/// Removes it from this thread.
pub fn end() -> Option<Rc<World>> {
    WORLD.take().map(ManuallyDrop::into_inner)
}

/// Takes actions at this place. May panic, where that is allowed.
pub fn chaos(place: Place) {
    if let Some(world) = current()
        && world.visit(place)
    {
        drop(world);
        throw(place);
    }
}

fn throw(place: Place) -> ! {
    let Some(world) = current() else {
        unreachable!("it was there")
    };
    let hook = world.dice.one_in(2);
    // The runtime forgets the payload of a subscriber's panic, so the payload owns nothing.
    let payload = if matches!(place, Place::PayloadDrop | Place::Subscriber) {
        None
    } else {
        world.tally.payloads.made();
        let (number, _) = world.tally.payloads.both();
        world.tell(|| format!("throw payload {number}"));
        Some(Blast(world.tally.clone(), number))
    };
    drop(world);
    match (payload, hook) {
        (Some(payload), true) => panic_any(payload),
        (Some(payload), false) => resume_unwind(Box::new(payload)),
        (None, true) => panic_any(Second),
        (None, false) => resume_unwind(Box::new(Second)),
    }
}

/// Drops a value that runs user code, and catches its panics.
pub fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        drop_payload(payload);
    }
}

fn drop_payload(payload: Box<dyn Any + Send>) {
    // The payload of the second panic has no drop.
    _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
}

/// Resets a cell when it is dropped, also during a panic.
pub struct Reset<'a, T: Copy>(&'a Cell<T>, T);

impl<'a, T: Copy> Reset<'a, T> {
    pub fn new(cell: &'a Cell<T>, value: T) -> Reset<'a, T> {
        let before = cell.replace(value);
        Reset(cell, before)
    }
}

impl<T: Copy> Drop for Reset<'_, T> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

impl World {
    pub fn new(seed: u64, style: Style, story: Arc<Story>) -> World {
        World {
            style,
            dice: Dice::new(seed),
            story,
            tally: Arc::default(),
            bag: Bag::default(),
            locks: Locks::new(),
            records: RefCell::default(),
            faults: RefCell::default(),
            counts: RefCell::new(vec![[0; Kind::ALL.len()]; Place::ALL.len()]),
            own: RefCell::default(),
            inside: RefCell::default(),
            runtimes: Cell::new(0),
            pipes: Cell::new(0),
            polls: Cell::new(0),
            looping: Cell::new(false),
            still: Cell::new(false),
            calm: Cell::new(false),
            late: Cell::new(false),
            elsewhere: RefCell::new((style == Style::Threads).then(|| Elsewhere::new(seed))),
            depth: Cell::new(0),
            left: Cell::new(0),
            children: Cell::new(60),
        }
    }

    /// Allows `n` more actions.
    pub fn allow(&self, actions: u32) {
        self.left.set(actions);
    }

    /// Counts a task that another one is about to wait for. Returns `false` if the limit is
    /// reached.
    pub fn may_have_children(&self) -> bool {
        let left = self.children.get();
        self.children.set(left.saturating_sub(1));
        left > 0
    }

    pub fn left(&self) -> u32 {
        self.left.get()
    }

    /// Whether the program itself runs, outside of all places.
    pub fn is_outside(&self) -> bool {
        self.depth.get() <= 1 && !self.looping.get() && !self.late.get()
    }

    /// Records a failed check. It does not panic, as that could be taken for a panic on purpose.
    #[track_caller]
    pub fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let at = Location::caller();
            let text = format!("{}:{}: {}", at.file(), at.line(), otherwise());
            self.story.tell(|| format!("WRONG {text}"));
            self.faults.borrow_mut().push(text);
        }
    }

    /// Adds an action to the log of this seed.
    pub fn tell(&self, text: impl FnOnce() -> String) {
        let depth = self.depth.get() as usize;
        self.story
            .tell(|| format!("{:1$}{2}", "", depth * 2, text()));
    }

    /// Takes some actions. Returns whether the place has to panic.
    fn visit(&self, place: Place) -> bool {
        if self.still.get() || self.depth.get() >= DEPTH || self.left.get() == 0 {
            return false;
        }
        let count = self.dice.pick(&[0, 0, 1, 1, 1, 2, 3]);
        for _ in 0..count {
            if self.act(place) {
                return true;
            }
        }
        false
    }

    /// Takes one action. Returns whether the caller has to panic.
    pub fn act(&self, place: Place) -> bool {
        if self.left.get() == 0 {
            return false;
        }
        self.left.set(self.left.get() - 1);
        let kind = self.dice.pick(Kind::ALL);
        if !possible(place, kind) {
            return false;
        }
        if kind == Kind::Panic && (self.calm.get() || thread::panicking()) {
            return false;
        }
        self.counts.borrow_mut()[place as usize][kind as usize] += 1;
        if kind == Kind::Panic {
            self.tell(|| format!("{place}: panic"));
            return true;
        }
        let _depth = Reset::new(&self.depth, self.depth.get() + 1);
        let id = try_id();
        self.attempt(|| actions::take_action(self, place, kind));
        self.check(try_id() == id, || {
            format!(
                "{place}: {kind} changed the running task from {id:?} to {:?}",
                try_id()
            )
        });
        false
    }

    /// Calls `f`, which may panic on purpose.
    pub fn attempt(&self, f: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
            drop_payload(payload);
        }
    }
}

/// Takes a random object out.
pub fn take<T>(dice: &Dice, from: &RefCell<Vec<T>>) -> Option<T> {
    let mut all = from.borrow_mut();
    if all.is_empty() {
        return None;
    }
    let at = dice.below(all.len());
    Some(all.swap_remove(at))
}

/// Clones a random object.
pub fn copy<T: Clone>(dice: &Dice, from: &RefCell<Vec<T>>) -> Option<T> {
    let all = from.borrow();
    if all.is_empty() {
        return None;
    }
    // Cloning these runs no user code.
    Some(all[dice.below(all.len())].clone())
}

//! What one seed has: its choices, its objects, its records, and what was found wrong.

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
use wakeful::task::{AbortHandle, JoinHandle, JoinSet, try_id};
use wakeful::time::Sleep;
use wakeful::{Handle, LocalSpawner, RemoteJoinHandle};

use super::actions;
use super::body::{Output, Record};
use super::dice::Dice;
use super::elsewhere::Elsewhere;
use super::foreign;
use super::guests::{Capture, Fd};
use super::places::{Kind, Place, possible};
use super::runtimes::Guest;
use super::story::Story;

/// Places inside places.
const DEPTH: u32 = 6;

/// What a campaign allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// All that gives the same at each run of a seed.
    Alone,
    /// And several classes, which share the loop by the time that they took.
    Classes,
    /// And another thread, the blocking pool and the real clock.
    Threads,
}

/// How many of one sort were made and dropped. Any thread.
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

/// What was made has to be dropped, once.
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
    pub runtimes: Count,
}

/// A handle, and the foreign waker that it was last polled with: the state, and its wakes before.
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

/// A task's waker, or a foreign one.
pub struct Known {
    pub record: Option<Rc<Record>>,
    pub waker: Waker,
}

/// Objects that lie about, for every action to use. They are taken out for that, and put back.
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
    /// With the numbers of their runtimes.
    pub spawners: RefCell<Vec<(usize, LocalSpawner)>>,
    pub classes: RefCell<Vec<Class>>,
    pub sleeps: RefCell<Vec<Pin<Box<Sleep>>>>,
    pub descriptors: RefCell<Vec<Rc<Async<Fd>>>>,
    pub channels: actions::broadcast::Bag,
    pub peers: RefCell<Vec<std::os::unix::net::UnixStream>>,
    #[cfg(feature = "trace")]
    pub spans: RefCell<Vec<wakeful::trace::Span>>,
}

pub struct World {
    pub style: Style,
    pub dice: Dice,
    pub story: Arc<Story>,
    pub tally: Arc<Tally>,
    pub bag: Bag,
    pub records: RefCell<Vec<Rc<Record>>>,
    pub faults: RefCell<Vec<String>>,
    /// Actions by place and kind.
    pub counts: RefCell<Vec<[u32; Kind::ALL.len()]>>,
    /// Wakers of what is being polled, the innermost last.
    pub own: RefCell<Vec<Known>>,
    /// The runtimes that this thread is inside of, the innermost last.
    pub inside: RefCell<Vec<usize>>,
    /// Runtimes so far.
    pub runtimes: Cell<usize>,
    /// Polls so far.
    pub polls: Cell<u64>,
    pub looping: Cell<bool>,
    /// No actions are taken.
    pub still: Cell<bool>,
    /// No panics are thrown.
    pub calm: Cell<bool>,
    /// The thread winds down.
    pub late: Cell<bool>,
    pub elsewhere: RefCell<Option<Elsewhere>>,
    depth: Cell<u32>,
    left: Cell<u32>,
    /// Tasks that tasks may still spawn to wait for.
    children: Cell<u32>,
}

thread_local! {
    /// Without a destructor, so that it is there for those of others.
    static WORLD: Cell<Option<ManuallyDrop<Rc<World>>>> = const { Cell::new(None) };
}

/// The payload of a panic on purpose.
pub struct Blast(Arc<Tally>, usize);

/// That of a panic in the drop of such a payload.
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

/// This thread's, if a seed runs here.
pub fn current() -> Option<Rc<World>> {
    let world = WORLD.take()?;
    let ours = Rc::clone(&world);
    WORLD.set(Some(world));
    Some(ours)
}

/// Makes it this thread's.
pub fn begin(world: Rc<World>) {
    WORLD.set(Some(ManuallyDrop::new(world)));
}

/// Takes it away from this thread.
pub fn end() -> Option<Rc<World>> {
    WORLD.take().map(ManuallyDrop::into_inner)
}

/// Does something, at that place. May panic, where that is allowed.
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
    // What a subscriber's panic carries is forgotten by the runtime, so it owns nothing.
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

/// Drops what user code may be in, and keeps its panics.
pub fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        drop_payload(payload);
    }
}

fn drop_payload(payload: Box<dyn Any + Send>) {
    // The second one has no drop.
    _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
}

/// Resets a cell, also after a panic.
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
            records: RefCell::default(),
            faults: RefCell::default(),
            counts: RefCell::new(vec![[0; Kind::ALL.len()]; Place::ALL.len()]),
            own: RefCell::default(),
            inside: RefCell::default(),
            runtimes: Cell::new(0),
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

    /// Allows that many more actions.
    pub fn allow(&self, actions: u32) {
        self.left.set(actions);
    }

    /// Counts a task that another one is about to wait for. `false`: there were enough.
    pub fn may_have_children(&self) -> bool {
        let left = self.children.get();
        self.children.set(left.saturating_sub(1));
        left > 0
    }

    pub fn left(&self) -> u32 {
        self.left.get()
    }

    /// Whether no place is being visited, but the program itself.
    pub fn is_outside(&self) -> bool {
        self.depth.get() <= 1 && !self.looping.get() && !self.late.get()
    }

    /// Notes what is wrong. A panic could be taken for one on purpose.
    #[track_caller]
    pub fn insist(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let at = Location::caller();
            let text = format!("{}:{}: {}", at.file(), at.line(), otherwise());
            self.story.tell(|| format!("WRONG {text}"));
            self.faults.borrow_mut().push(text);
        }
    }

    /// Writes an action into the story of this seed.
    pub fn tell(&self, text: impl FnOnce() -> String) {
        let depth = self.depth.get() as usize;
        self.story
            .tell(|| format!("{:1$}{2}", "", depth * 2, text()));
    }

    /// Takes some actions. `true`: then it is to panic.
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

    /// Takes one action. `true`: it is to panic, which is the caller's to do.
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
        self.insist(try_id() == id, || {
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

/// Takes one of them out.
pub fn take<T>(dice: &Dice, from: &RefCell<Vec<T>>) -> Option<T> {
    let mut all = from.borrow_mut();
    if all.is_empty() {
        return None;
    }
    let at = dice.below(all.len());
    Some(all.swap_remove(at))
}

/// Copies one of them.
pub fn copy<T: Clone>(dice: &Dice, from: &RefCell<Vec<T>>) -> Option<T> {
    let all = from.borrow();
    if all.is_empty() {
        return None;
    }
    // A clone of these runs no user code.
    Some(all[dice.below(all.len())].clone())
}

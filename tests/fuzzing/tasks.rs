//! A byte script that spawns, wakes, aborts, moves and drops tasks, wakers and handles in every
//! order: in the future of `block_on`, in polls and drops, on another thread, and after the end of
//! the runtime.
//!
//! Every poll and every drop of a task takes its operations from the same script. A `Task` record
//! has the expected state of each task.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use wakeful::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet, yield_now};
use wakeful::{Handle, RemoteJoinHandle, Runtime};

#[path = "tasks/body.rs"]
mod body;
#[path = "tasks/elsewhere.rs"]
mod elsewhere;
#[path = "tasks/steps.rs"]
mod steps;

use body::Output;

pub const WORDS: &[&[u8]] = &[];

const MAX_BYTES: usize = 2048;
const MAX_TASKS: usize = 64;
/// The depth of drops inside drops.
const MAX_DEPTH: usize = 6;

/// How the future of a task ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Returned,
    Panicked,
    Dropped,
}

/// The record of a task: its properties, and what has happened to it.
struct Task {
    number: usize,
    /// Whether it was spawned by a `Handle`, on another thread.
    remote: bool,
    id: Cell<Option<Id>>,
    /// Whether it is in the set, until it is detached.
    member: Cell<bool>,
    futures: Cell<u32>,
    futures_dropped: Cell<u32>,
    outputs: Cell<u32>,
    outputs_dropped: Cell<u32>,
    polls: Cell<u32>,
    /// Woken since its last poll began.
    woken: Cell<bool>,
    /// Whether an abort was requested.
    aborted: Cell<bool>,
    end: Cell<Option<End>>,
    /// The first panic of its poll or drop.
    panic: Cell<Option<&'static str>>,
    /// The task whose handle it awaits.
    awaits: RefCell<Option<Rc<Task>>>,
}

/// The payload of a panic on purpose.
#[derive(Debug, PartialEq)]
struct Blast(usize, &'static str);

struct World {
    home: ThreadId,
    script: Vec<u8>,
    at: Cell<usize>,
    depth: Cell<usize>,
    /// The number of polls and drops so far.
    ticks: Cell<u64>,
    /// Whether all tasks are to be cancelled.
    shut: Cell<bool>,
    tasks: RefCell<Vec<Rc<Task>>>,
    joins: RefCell<Vec<(Rc<Task>, JoinHandle<Output>)>>,
    remotes: RefCell<Vec<(Rc<Task>, RemoteJoinHandle<usize>)>>,
    aborts: RefCell<Vec<(Rc<Task>, AbortHandle)>>,
    wakers: RefCell<Vec<(Rc<Task>, Waker)>>,
    set: RefCell<Option<JoinSet<Output>>>,
    handle: RefCell<Option<Handle>>,
    faults: RefCell<Vec<String>>,
}

thread_local! {
    /// For closures that come from other threads.
    static WORLD: RefCell<Weak<World>> = const { RefCell::new(Weak::new()) };
}

pub fn run(script: &[u8]) {
    if script.len() > MAX_BYTES {
        return;
    }
    let world = Rc::new(World::new(script));
    WORLD.set(Rc::downgrade(&world));
    let runtime = Runtime::new().expect("a runtime");
    *world.handle.borrow_mut() = Some(runtime.handle());
    for _ in 0..3 {
        runtime.block_on(world.play());
    }
    // From here on all tasks may be cancelled.
    world.shut.set(true);
    if script.len() % 2 == 1 {
        runtime.handle().shutdown();
        runtime.block_on(async {
            world.settle().await;
            world.let_go().await;
        });
        let alive = runtime.metrics().tasks_alive;
        world.insist(alive == 0, || format!("{alive} tasks are left"));
    }
    drop(runtime);
    while world.at.get() < world.script.len() {
        world.step(None);
    }
    world.close();
}

impl World {
    fn new(script: &[u8]) -> World {
        World {
            home: thread::current().id(),
            script: script.to_vec(),
            at: Cell::new(0),
            depth: Cell::new(0),
            ticks: Cell::new(0),
            shut: Cell::new(false),
            tasks: RefCell::default(),
            joins: RefCell::default(),
            remotes: RefCell::default(),
            aborts: RefCell::default(),
            wakers: RefCell::default(),
            set: RefCell::new(Some(JoinSet::new())),
            handle: RefCell::default(),
            faults: RefCell::default(),
        }
    }

    /// Returns the next byte of the script, or zero after its end.
    fn byte(&self) -> usize {
        let at = self.at.get();
        self.at.set(at + 1);
        self.script.get(at).copied().unwrap_or(0).into()
    }

    fn below(&self, limit: usize) -> usize {
        self.byte() % limit
    }

    /// Records a failed check. It does not panic, as that could be taken for a panic of a task.
    #[track_caller]
    fn insist(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let line = std::panic::Location::caller().line();
            let fault = format!("line {line}, byte {}: {}", self.at.get(), otherwise());
            self.faults.borrow_mut().push(fault);
        }
    }

    /// The future of `block_on`: operations, and turns of the loop between them.
    async fn play(self: &Rc<World>) {
        while self.at.get() < self.script.len() {
            match self.script[self.at.get()] {
                0xff => {
                    self.byte();
                    break;
                }
                0xf0.. => {
                    self.byte();
                    self.settle().await;
                }
                0xd0.. => {
                    self.byte();
                    yield_now().await;
                }
                _ => self.step(None),
            }
        }
        self.settle().await;
    }

    /// Runs the tasks until none is ready, and checks that no wake was lost.
    async fn settle(&self) {
        elsewhere::wait();
        let (mut quiet, mut rounds) = (0, 0);
        while quiet < 5 {
            let before = self.ticks.get();
            yield_now().await;
            quiet = if self.ticks.get() == before {
                quiet + 1
            } else {
                0
            };
            rounds += 1;
            assert!(rounds < 100_000, "the tasks are always ready");
        }
        for task in self.tasks.borrow().iter() {
            self.look_at(task);
        }
        for (task, handle) in self.joins.borrow().iter() {
            let over = task.end.get().is_some();
            self.insist(handle.is_finished() == over, || {
                format!("{} is_finished", task.name())
            });
        }
    }

    /// Drops every handle and waker, and those that their drops create.
    async fn let_go(&self) {
        loop {
            let (joins, remotes) = (self.joins.take(), self.remotes.take());
            let (aborts, wakers) = (self.aborts.take(), self.wakers.take());
            let set = self.set.take();
            let count = joins.len() + remotes.len() + aborts.len() + wakers.len();
            if count == 0 && set.is_none() {
                return;
            }
            drop((joins, remotes, aborts, wakers, set));
            self.settle().await;
        }
    }

    /// Checks a task while nothing runs: if it is alive, it waits for an event that has not
    /// happened.
    fn look_at(&self, task: &Task) {
        if task.end.get().is_some() {
            return;
        }
        let name = task.name();
        self.insist(task.futures.get() == 1, || format!("{name} was never made"));
        self.insist(task.polls.get() > 0, || format!("{name} was never polled"));
        self.insist(!task.woken.get(), || format!("a wake of {name} is lost"));
        self.insist(!task.aborted.get(), || {
            format!("an abort of {name} is lost")
        });
        self.insist(!self.shut.get(), || format!("{name} outlives a shutdown"));
        if let Some(awaited) = &*task.awaits.borrow() {
            let over = awaited.end.get().is_some();
            self.insist(!over, || {
                format!("{name} waits for {}, which is over", awaited.name())
            });
        }
    }

    /// Checks that the output of a handle is that of its task.
    fn joined(&self, task: &Task, result: Result<usize, JoinError>) {
        let name = task.name();
        match (result, task.panic.get(), task.end.get()) {
            (Err(error), Some(when), _) if error.is_panic() => {
                let payload = error.into_panic().downcast::<Blast>();
                let blast = payload.expect("the payload that was thrown");
                self.insist(*blast == Blast(task.number, when), || {
                    format!("{name}: {blast:?}")
                });
            }
            (Ok(number), None, Some(End::Returned)) => {
                self.insist(number == task.number, || format!("{name} gave {number}"));
            }
            (Err(error), None, Some(End::Dropped)) if error.is_cancelled() => {}
            // The task that sends the output to the owner thread is cancelled like any other.
            (Err(error), _, _) if error.is_cancelled() && task.remote && self.shut.get() => {}
            (result, panic, end) => {
                self.insist(false, || {
                    format!("{name}: {result:?}, but {end:?}, {panic:?}")
                });
            }
        }
    }

    /// Checks after the end of the runtime: handles return the expected results, and nothing is
    /// left.
    fn close(self: Rc<World>) {
        elsewhere::wait();
        let mut context = Context::from_waker(Waker::noop());
        while let Some((task, mut handle)) = { self.joins.borrow_mut().pop() } {
            match Pin::new(&mut handle).poll_now(&mut context) {
                Poll::Ready(result) => self.joined(&task, result.map(|output| output.number())),
                Poll::Pending => self.insist(false, || format!("{} waits forever", task.name())),
            }
        }
        while let Some((task, mut handle)) = { self.remotes.borrow_mut().pop() } {
            match Pin::new(&mut handle).poll_now(&mut context) {
                Poll::Ready(result) => self.joined(&task, result),
                Poll::Pending => self.insist(false, || format!("{} waits forever", task.name())),
            }
        }
        while self.join_one_of_the_set() {}
        let left = self.set.take().map_or(0, |set| set.len());
        self.insist(left == 0, || {
            format!("{left} members of the set did not end")
        });
        drop(self.aborts.take());
        drop(self.wakers.take());
        drop(self.handle.take());
        for task in self.tasks.borrow().iter() {
            let (made, dropped) = (task.futures.get(), task.futures_dropped.get());
            self.insist(made == dropped && made <= 1, || {
                format!("{}: {dropped} drops", task.name())
            });
            let (made, dropped) = (task.outputs.get(), task.outputs_dropped.get());
            self.insist(made == dropped && made <= 1, || {
                format!("{}: {dropped} outputs", task.name())
            });
        }
        let faults = self.faults.take();
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        assert_eq!(
            Rc::strong_count(&self),
            1,
            "something is left that belongs to a task"
        );
    }
}

impl Task {
    fn name(&self) -> String {
        let kind = if self.remote { "remote task" } else { "task" };
        format!("{kind} {}", self.number)
    }
}

/// Polls inside or outside of a runtime, without a budget.
trait PollNow: Future + Unpin {
    fn poll_now(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        std::pin::pin!(wakeful::task::coop::unconstrained(self)).poll(cx)
    }
}

impl<F: Future + Unpin> PollNow for F {}

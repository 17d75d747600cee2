//! The executor: owns the tasks of one thread, and polls the ready ones one after the other.
//!
//! It is one struct in an `Arc`. Its methods are in several files, by responsibility. All threads
//! may use the remote queue, the notifier, the atomics and the owner's number; only the owner
//! thread may use the other fields. The `Sync` impl rests on that, and on `Runtime` being bound to
//! its thread.

mod batch;
mod builder;
pub mod classes;
pub(crate) mod current;
mod driven;
pub(crate) mod group;
mod ids;
mod inbox;
mod observed;
mod random;
pub(crate) mod remote;
mod run_queue;
mod set;
mod shutdown;
mod spawn;
mod stats;
mod tasks;
#[cfg(feature = "trace")]
pub mod trace;
mod wake_order;
mod wake_sources;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Waker;

#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) use batch::STRIDE;
pub(crate) use batch::{Batch, Turn};
pub use builder::Builder as TaskBuilder;
pub(crate) use classes::ClassQueue;
use classes::Classes;
pub use classes::spawn_in;
use group::{Scope, Tickets};
pub(crate) use random::random_below;
pub use set::{JoinSet, SetBuilder};
pub(crate) use spawn::cancel_current;
pub use spawn::{id, name, spawn, spawn_local, try_id};
pub(crate) use spawn::{next_id, spawn_at, spawn_hidden};
pub(crate) use wake_sources::LiveTask;

use crate::console::{self, About};
use crate::context::Context;
use crate::id::{Identity, ThreadNumber};
use crate::observe::Observer;
use crate::reactor::Notifier;
use crate::scope::on_drop;
use crate::sys::AtomicU64;
use crate::task::coop::budget;
use crate::task::header::{Header, TaskPtr};
use crate::task::lifecycle;
use crate::task::runnable::Runnable;
use crate::task::state::{JOIN, LISTED, NAMED, QUEUED, State, TIMED};
use crate::task::{Id, JoinHandle, RUNTIME_ENDED, raw, waker};
use crate::time::{clock, stamp};
use crate::trace::Recorder;
use ids::Ids;
pub(crate) use ids::reserve_id;
use inbox::Message;
use random::{Random, random_seed};
use remote::Remote;
use stats::{Counts, count};
use tasks::Tasks;

/// The tasks of one thread, and their scheduler.
///
/// It lives in an `Arc`, as wakers on other threads reach `remote`, `notifier`, `notified`,
/// `coalesced_there` and the owner's number, and handles `identity`; all other fields belong to the
/// owner thread.
pub(crate) struct Executor {
    /// Pointer into the `Arc`, through which the strong count is raised.
    this: Cell<NonNull<Executor>>,
    /// Queue of the default class.
    default_queue: ClassQueue,
    /// The other classes.
    classes: Classes,
    tasks: Tasks,
    /// The main task: header of the future of `block_on`, which is queued like any task.
    main: Cell<Option<TaskPtr>>,
    /// The task that is being polled.
    running: Cell<Option<TaskPtr>>,
    /// Whether shutdown has begun: new tasks are cancelled as they are spawned.
    closing: Cell<bool>,
    /// Whether all tasks have been released: none is spawned or accessed any more.
    released: Cell<bool>,
    ids: Ids,
    names: RefCell<HashMap<Id, Box<str>>>,
    counts: Counts,
    /// Value of `counts.polls` from which on woken tasks go first again. By then each task that was
    /// ready when woken tasks last went first has been polled.
    round: Cell<u64>,
    observer: Option<Box<Observer>>,
    /// Whether spawns take the slow path: the executor is closing, observed or driven, or the
    /// running task belongs to a group.
    slow_spawn: Cell<bool>,
    /// The group of the running task.
    scope: RefCell<Option<Scope>>,
    /// The tasks that belong to a group.
    tickets: RefCell<Tickets>,
    /// Whether another event loop has driven this one, see `driven.rs`.
    driven: Cell<bool>,
    /// Whether the next task that becomes ready notifies the host.
    notify_at_ready: Cell<bool>,
    notifier: Notifier,
    /// Number of times that another thread notified the sleeping loop.
    notified: AtomicU64,
    /// Wakes by other threads that were merged with an earlier one.
    coalesced_there: AtomicU64,
    remote: Remote<Message>,
    /// Called when other threads have raised events. Its argument has one bit for each kind.
    on_raised: Cell<fn(u8)>,
    pub(crate) trace: Recorder,
    /// Where `select!` begins.
    random: Random,
    /// Id and name of the runtime. Any thread.
    pub(crate) identity: Identity,
    /// Context of the runtime, until it ends.
    context: Cell<Option<Weak<Context>>>,
}

// SAFETY: `owner` and `identity` never change; `remote`, `notifier` and the atomics may be used by
// all threads. The other fields are used by the owner thread alone: by `Runtime`, which can't leave
// its thread, by the thread's context, which is thread-local, and by wakers and handles after they
// compared `owner`. Of these, `context` must not be dropped on another thread either: it is empty
// once another thread may hold the last reference.
unsafe impl Send for Executor {}
// SAFETY: as above.
unsafe impl Sync for Executor {}

/// Why [`Executor::tick`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// No task is ready.
    Idle,
    /// The polls of the batch are used up; more tasks are ready.
    Busy,
    /// The main task is next: the caller polls it.
    Main,
    /// A turn of the reactor and the timers is due.
    TurnDue,
}

impl Executor {
    pub(crate) fn new(
        notifier: Notifier,
        observer: Option<Box<Observer>>,
        trace: Recorder,
        identity: Identity,
    ) -> Arc<Executor> {
        let executor = Arc::new(Executor {
            this: Cell::new(NonNull::dangling()),
            default_queue: ClassQueue::new(
                ThreadNumber::current(),
                NonNull::dangling(),
                clock::ticks(),
            ),
            classes: Classes::new(),
            tasks: Tasks::new(observer.is_some()),
            main: Cell::new(None),
            running: Cell::new(None),
            closing: Cell::new(false),
            released: Cell::new(false),
            ids: Ids::default(),
            names: RefCell::default(),
            counts: Counts::default(),
            round: Cell::new(0),
            slow_spawn: Cell::new(observer.is_some()),
            scope: RefCell::default(),
            tickets: RefCell::default(),
            observer,
            driven: Cell::new(false),
            notify_at_ready: Cell::new(false),
            notifier,
            notified: AtomicU64::new(0),
            coalesced_there: AtomicU64::new(0),
            remote: Remote::new(),
            on_raised: Cell::new(|_| {}),
            trace,
            random: Random::new(random_seed()),
            identity,
            context: Cell::new(None),
        });
        let this = NonNull::new(Arc::as_ptr(&executor).cast_mut()).expect("an Arc is not null");
        executor.this.set(this);
        executor.default_queue.set_executor(this);
        executor
            .classes
            .current
            .set(NonNull::from(&executor.default_queue));
        executor.classes.slow_tick.set(executor.observer.is_some());
        // The main task has a header and a waker; its future is on the stack of `block_on`.
        let id = executor.ids.next();
        let timed = executor.observer().is_some_and(Observer::times_wakes);
        let state = State::new(if timed { TIMED } else { 0 });
        let here = Location::caller();
        let queue = executor.classes.current.get();
        let future = std::future::pending::<()>();
        let console = console::Task::new();
        let main = executor.allocate(id, here, future, state, 1, false, queue, console);
        // SAFETY: just allocated.
        unsafe { main.as_ref() }.trace.named("main");
        executor.main.set(Some(main));
        executor
    }

    /// Allocates and registers a task. It runs no user code, so the caller can queue or cancel the
    /// task before any other code accesses it.
    #[inline(always)]
    #[allow(
        clippy::too_many_arguments,
        reason = "they are in registers: it is inlined"
    )]
    fn allocate<F>(
        &self,
        id: Id,
        location: &'static Location<'static>,
        future: F,
        state: State,
        refs: u32,
        is_member: bool,
        queue: NonNull<ClassQueue>,
        console: console::Task,
    ) -> TaskPtr
    where
        F: Future + 'static,
    {
        // SAFETY: `&self` is inside the `Arc` of the runtime, which merges every task before it
        // releases the `Arc`; queues live as long as the executor. This is the owner thread: see
        // the `Sync` argument above.
        let task = unsafe {
            raw::allocate::<F, ClassQueue>(future, queue, id, state, refs, is_member, console)
        };
        self.tasks.add(task, raw::layout::<F>());
        // SAFETY: just allocated.
        let header = unsafe { task.as_ref() };
        // SAFETY: a running task is alive.
        let parent = self
            .running
            .get()
            .map(|task| unsafe { &(*task.as_ptr()).trace });
        let trace = &self.trace;
        header
            .trace
            .spawned(trace, id.as_u64(), size_of::<F>(), parent, location);
        task
    }

    #[inline(always)]
    #[track_caller]
    pub(crate) fn spawn<F>(
        &self,
        location: &'static Location<'static>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.spawn_as(self.ids.next(), location, future, About::task())
    }

    #[inline(always)]
    #[track_caller]
    pub(crate) fn spawn_as<F>(
        &self,
        id: Id,
        location: &'static Location<'static>,
        future: F,
        about: About<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        // A subscriber is user code, and may end the context scope through which the caller
        // borrows the executor.
        let _kept = self.kept_for_subscriber();
        let (queue, console) = self.report(id, location, size_of::<F>(), about);
        self.spawn_reported(id, location, future, queue, console)
    }

    /// Returns a strong reference to the executor, to hold while a subscriber may run.
    #[inline(always)]
    fn kept_for_subscriber(&self) -> Option<Arc<Executor>> {
        cfg!(feature = "console").then(|| self.shared())
    }

    /// First step of a spawn. The order is: report, check, allocate, queue. The subscriber is user
    /// code, which may close or end the executor; between the check and the queueing no user code
    /// runs.
    ///
    /// The caller holds a [strong reference](Self::kept_for_subscriber) to the executor.
    #[inline(always)]
    fn report(
        &self,
        id: Id,
        location: &'static Location<'static>,
        size: usize,
        about: About<'_>,
    ) -> (NonNull<ClassQueue>, console::Task) {
        self.counts.spawned.set(self.counts.spawned.get() + 1);
        // A task is spawned in the class of its parent.
        let queue = self.classes.current.get();
        (
            queue,
            console::Task::spawned(about, id.as_u64(), size, location),
        )
    }

    /// Remaining steps of a spawn. The only user code that runs here is the drop of a future that
    /// is cancelled at once.
    #[inline(always)]
    #[track_caller]
    fn spawn_reported<F>(
        &self,
        id: Id,
        location: &'static Location<'static>,
        future: F,
        queue: NonNull<ClassQueue>,
        console: console::Task,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        if self.slow_spawn.get() {
            return self.spawn_slow(id, location, future, queue, console);
        }
        // One reference for the scheduler, one for the handle.
        let state = State::new(JOIN | QUEUED);
        let task = self.allocate(id, location, future, state, 2, false, queue, console);
        // SAFETY: queues live as long as the executor; `QUEUED` is set, and the task is new.
        unsafe { queue.as_ref().run_queue.push(Runnable::new(task)) };
        // SAFETY: `JOIN` is set, and the second reference is for this one handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Names a task that was spawned just now.
    fn name_task<T>(&self, task: &JoinHandle<T>, name: Box<str>) {
        task.mark_named(&name);
        if let Some(observer) = &self.observer {
            observer.named(task.id(), &name);
        }
        self.names.borrow_mut().insert(task.id(), name);
    }

    /// Returns a new strong reference to this executor.
    pub(crate) fn shared(&self) -> Arc<Executor> {
        // SAFETY: the pointer is that of the `Arc` that contains `&self`; the count is raised for
        // the new one.
        unsafe {
            Arc::increment_strong_count(self.this.get().as_ptr());
            Arc::from_raw(self.this.get().as_ptr())
        }
    }

    /// Sets the context of the runtime. Owner thread only.
    pub(crate) fn set_context(&self, context: &Rc<Context>) {
        self.context.set(Some(Rc::downgrade(context)));
    }

    /// Forgets the context, which other threads must not drop. Owner thread only.
    pub(crate) fn forget_context(&self) {
        self.context.set(None);
    }

    /// Returns the context of the runtime, if it has not ended. Owner thread only.
    pub(crate) fn context(&self) -> Option<Rc<Context>> {
        let weak = self.context.take();
        let context = weak.as_ref().and_then(Weak::upgrade);
        self.context.set(weak);
        context
    }

    /// Returns an id for a task, or for something that is shown as a task, such as a closure of the
    /// blocking pool.
    pub(crate) fn next_id(&self) -> Id {
        self.ids.next()
    }

    /// Polls ready tasks until none is left or the batch is over.
    pub(crate) fn tick(&self, batch: &mut Batch) -> Tick {
        // Checked once per batch, so that it costs nothing per poll.
        if self.classes.slow_tick.get() {
            return self.tick_slow(batch);
        }
        let tick = self.batch(
            batch,
            || self.default_queue.run_queue.pop(),
            |task| {
                // SAFETY: no task is being polled, as `context::run` allows one loop at a time.
                unsafe { lifecycle::run::<ClassQueue>(task) }
            },
            // Whether the task that was polled last has woken itself. The pointers are only
            // compared: the task may be freed.
            || self.default_queue.run_queue.last() == self.running.get().or(self.main.get()),
        );
        // A task may have created the first class meanwhile. The fast path does not run the tasks
        // of that class.
        if tick == Tick::Idle && self.classes.slow_tick.get() {
            return Tick::Busy;
        }
        tick
    }

    /// Runs tasks from `next` with `run` until the batch is over.
    #[inline(always)]
    fn batch(
        &self,
        batch: &mut Batch,
        next: impl Fn() -> Option<Runnable>,
        run: impl Fn(Runnable),
        has_yielded: impl Fn() -> bool,
    ) -> Tick {
        // Clears `running` also if user code, such as an `Order`, panics during the batch.
        let polling = on_drop(|| self.running.set(None));
        let main = self.main.get();
        let limited = budget::limited();
        let began = batch.left();
        let tick = loop {
            let mut left = batch.stretch();
            let end = loop {
                if left == 0 {
                    break None;
                }
                let Some(task) = next() else {
                    break Some(Tick::Idle);
                };
                left -= 1;
                if Some(task.task()) == main {
                    // The caller polls the main task. It is no longer queued.
                    drop(task);
                    break Some(Tick::Main);
                }
                self.running.set(Some(task.task()));
                limited.refill();
                run(task);
            };
            batch.ran(left);
            if let Some(tick) = end {
                break tick;
            }
            if batch.is_over(stamp::now, &has_yielded) {
                // Without ready tasks the loop sleeps, which includes a reactor turn.
                break if self.has_ready() {
                    Tick::TurnDue
                } else {
                    Tick::Idle
                };
            }
            if batch.left() == 0 {
                break if self.has_ready() {
                    Tick::Busy
                } else {
                    Tick::Idle
                };
            }
        };
        drop(polling);
        self.counts
            .polls
            .set(self.counts.polls.get() + u64::from(began - batch.left()));
        tick
    }

    /// Whether shutdown has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Whether all tasks have been released, so that none may be used. Owner thread only.
    #[inline(always)]
    pub(crate) fn is_released(&self) -> bool {
        self.released.get()
    }

    /// Checks that the tasks may be used.
    ///
    /// # Panics
    ///
    /// If all tasks have been released.
    #[inline(always)]
    #[track_caller]
    fn check_not_released(&self) {
        assert!(!self.is_released(), "{RUNTIME_ENDED}");
    }

    /// Whether the runtime has ended. May be called on any thread.
    pub(crate) fn has_ended(&self) -> bool {
        self.remote.is_closed()
    }

    /// Whether a task is ready.
    pub(crate) fn has_ready(&self) -> bool {
        self.default_queue.has_ready()
            || self
                .classes
                .others
                .borrow()
                .iter()
                .any(|queue| queue.has_ready())
    }

    /// Frees unused memory of tasks. Called before the loop sleeps, and when `block_on` returns.
    pub(crate) fn rest(&self) {
        self.tasks.trim();
    }

    /// Announces that the loop is about to sleep. Returns `false` if it must not, because other
    /// threads have sent something.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.rest();
        self.remote.fall_asleep()
    }

    /// Announces that the loop is awake again.
    pub(crate) fn wake_up(&self) {
        self.remote.wake_up();
    }

    /// Returns the main task, the header of the future of `block_on`.
    pub(crate) fn main(&self) -> TaskPtr {
        self.main.get().expect("the executor is not shut down")
    }

    /// Queues the main task.
    pub(crate) fn queue_main(&self) {
        // SAFETY: the executor holds a reference to it.
        if !unsafe { self.main().as_ref() }.state.is(QUEUED) {
            count(&self.counts.pushed);
        }
        // Time spent outside `block_on` is not charged to any class.
        self.classes.close_account();
        waker::queue_here::<ClassQueue>(self.main());
    }

    /// Returns the id of the task that is being polled.
    pub(crate) fn running(&self) -> Option<Id> {
        // SAFETY: a running task is alive.
        self.running.get().map(|task| unsafe { task.as_ref() }.id)
    }

    /// Stores a waker to be woken at the end of the running task, if the id of that task is `id`.
    /// Returns whether it is. No other waker may be stored for the end of that task.
    #[inline(always)]
    fn wake_at_the_end(&self, id: Id, waker: &Cell<Option<Waker>>) -> bool {
        let Some(task) = self.running.get() else {
            return false;
        };
        // SAFETY: a running task is alive.
        let header = unsafe { task.as_ref() };
        if header.id == id {
            // The cell was empty, so this leaks nothing; a drop would cost a branch.
            std::mem::forget(header.join_waker.replace(waker.take()));
        }
        header.id == id
    }

    /// Aborts the running task.
    fn abort_running(&self) {
        if let Some(task) = self.running.get() {
            lifecycle::abort_here::<ClassQueue>(task);
        }
    }

    pub(crate) fn name_of(&self, id: Id) -> Option<Box<str>> {
        self.names.borrow().get(&id).cloned()
    }

    /// Removes a task from the table and the names, before it is freed.
    #[inline(never)]
    fn forget(&self, task: &Header) {
        if task.state.is(LISTED) {
            self.tasks.remove(task);
        }
        if task.state.is(NAMED) {
            self.names.borrow_mut().remove(&task.id);
            if let Some(observer) = &self.observer {
                observer.unnamed(task.id);
            }
        }
    }
}

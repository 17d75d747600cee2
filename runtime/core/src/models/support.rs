//! Scheduler of the models, and a future that checks the thread of each access.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll, RawWakerVTable, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread::{self, ThreadId};

use super::ALARM;
use crate::console;
use crate::executor::remote::{Remote, Sent};
use crate::id::ThreadNumber;
use crate::primitives::{self, Track, UnsafeCell, Watch};
use crate::task::header::TaskPtr;
use crate::task::lifecycle;
use crate::task::runnable::Runnable;
use crate::task::schedule::Schedule;
use crate::task::state::{DONE, JOIN, QUEUED, State};
use crate::task::{Id, JoinHandle, raw, waker};

/// Replacement of the reactor: a notification is kept until a wait takes it.
pub(super) struct Event {
    set: Mutex<bool>,
    condvar: Condvar,
}

impl Event {
    pub(super) fn new() -> Event {
        Event {
            set: Mutex::new(false),
            condvar: Condvar::new(),
        }
    }

    pub(super) fn set(&self) {
        *self.set.lock().unwrap() = true;
        self.condvar.notify_one();
    }

    pub(super) fn wait(&self) {
        let mut set = self.set.lock().unwrap();
        while !*set {
            set = self.condvar.wait(set).unwrap();
        }
        *set = false;
    }
}

/// Value that is not dropped in a panic. After a deadlock loom fails if a drop uses its primitives.
pub(super) struct Held<T>(ManuallyDrop<T>);

impl<T> Held<T> {
    pub(super) fn new(value: T) -> Held<T> {
        Held(ManuallyDrop::new(value))
    }

    pub(super) fn take(mut self) -> T {
        // SAFETY: taken once, as `self` is forgotten.
        let value = unsafe { ManuallyDrop::take(&mut self.0) };
        std::mem::forget(self);
        value
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: this is the drop, so the value is not taken afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// Deliberate flaw of the scheduler of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// A sender does not notify a sleeping loop.
    Silent,
    /// A sender that finds the queue closed leaves its message in it.
    LeavesLate,
    /// The end of the loop does not empty the queue.
    LeavesEarly,
    /// A sender does not keep the scheduler alive while it sends.
    Unkept,
    /// The end of the loop does not merge the tasks.
    Unmerged,
}

/// Scheduler of the models: a short version of the executor.
///
/// The count of its users is stored outside of it, so that its memory can outlast the execution: a
/// use after its end is found by `watch`, and is not a real use after free.
pub(super) struct Loop {
    owner: ThreadNumber,
    thread: ThreadId,
    queue: RefCell<VecDeque<TaskPtr>>,
    alive: RefCell<Vec<TaskPtr>>,
    remote: Remote<TaskPtr>,
    event: Event,
    flaw: Flaw,
    watch: Watch,
    /// Pointer as of `Arc::into_raw`. Set once, by the owner.
    users: Cell<*const Users>,
}

/// Frees the loop with its last user.
struct Users(NonNull<Loop>);

impl Drop for Users {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // SAFETY: the loop is freed below, not before.
        let lo = unsafe { self.0.as_ref() };
        assert!(lo.remote.pop().is_none(), "a message stayed in the queue");
        lo.watch.gone();
        // SAFETY: made by `Box::leak`, and this is the last user.
        primitives::free(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The owner's count of the loop.
pub(super) struct Runtime(Arc<Users>);

impl Runtime {
    pub(super) fn new(flaw: Flaw) -> Runtime {
        let lo = NonNull::from(Box::leak(Box::new(Loop {
            owner: ThreadNumber::current(),
            thread: thread::current().id(),
            queue: RefCell::default(),
            alive: RefCell::default(),
            remote: Remote::new(),
            event: Event::new(),
            flaw,
            watch: Watch::new(),
            users: Cell::new(std::ptr::null()),
        })));
        let runtime = Runtime(Arc::new(Users(lo)));
        runtime.users.set(Arc::as_ptr(&runtime.0));
        runtime
    }

    pub(super) fn spawn<F: Future + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        let scheduler = self.0.0;
        let id = Id::new(NonZeroU64::MIN);
        // SAFETY: every model merges its tasks before it drops the loop; owner thread.
        let task = unsafe {
            raw::allocate(
                future,
                scheduler,
                id,
                State::new(JOIN | QUEUED),
                2,
                false,
                console::Task::new(),
            )
        };
        self.alive.borrow_mut().push(task);
        self.queue.borrow_mut().push_back(task);
        // SAFETY: `JOIN` is set, and the second reference is for this one handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Drops every future, merges the tasks, and closes the queue.
    pub(super) fn end(self) {
        let tasks = self.alive.borrow().clone();
        for task in tasks {
            // SAFETY: a task in the registry is alive, and none is freed here: tasks that are not
            // done are queued, or referenced otherwise.
            if !unsafe { task.as_ref() }.state.is(DONE) {
                // SAFETY: owner thread; not done, not running.
                unsafe { lifecycle::cancel::<Loop>(task) };
            }
        }
        loop {
            let task = self.queue.borrow_mut().pop_front();
            let Some(task) = task else { break };
            // SAFETY: owner thread, just taken out.
            unsafe { lifecycle::run::<Loop>(Runnable::new(task)) };
        }
        let tasks = self.alive.borrow().clone();
        for task in tasks {
            if self.flaw != Flaw::Unmerged {
                // SAFETY: owner thread; done, not queued, and still referenced.
                unsafe { lifecycle::merge::<Loop>(task) };
            }
        }
        self.remote.close();
        if self.flaw != Flaw::LeavesEarly {
            self.empty();
        }
    }
}

impl Deref for Runtime {
    type Target = Loop;

    fn deref(&self) -> &Loop {
        // SAFETY: this is one of its users.
        unsafe { self.0.0.as_ref() }
    }
}

// SAFETY: `queue` and `alive` are only used on the owner thread, which `here` checks; `users` never
// changes; the rest may be used by all threads.
unsafe impl Send for Users {}
// SAFETY: as above.
unsafe impl Sync for Users {}

static WAKER: RawWakerVTable = waker::vtable::<Loop>();

impl Loop {
    fn post(&self, task: TaskPtr) {
        match self.remote.send(task) {
            Sent::Done => {}
            Sent::Notify if self.flaw == Flaw::Silent => {}
            Sent::Notify => self.event.set(),
            Sent::Closed if self.flaw == Flaw::LeavesLate => {}
            Sent::Closed => self.empty(),
        }
        self.watch.look();
    }

    fn empty(&self) {
        while let Some(task) = self.remote.pop() {
            // SAFETY: the reference came with the message.
            unsafe { waker::drop_anywhere::<Loop>(task) };
        }
    }

    fn here(&self) {
        assert_eq!(self.thread, thread::current().id(), "not the loop's thread");
    }

    pub(super) fn receive(&self) {
        if self.remote.is_pending() {
            // SAFETY: owner thread; the reference came with the message.
            self.remote
                .receive(|task| unsafe { lifecycle::receive::<Loop>(task) });
        }
    }

    /// Receives messages, and runs the ready tasks.
    pub(super) fn tick(&self) {
        self.here();
        self.receive();
        loop {
            // The borrow ends before the task runs.
            let task = self.queue.borrow_mut().pop_front();
            let Some(task) = task else { break };
            // SAFETY: owner thread; just taken out, with its bit set; no task runs another.
            unsafe { lifecycle::run::<Loop>(Runnable::new(task)) };
        }
    }

    /// Runs and sleeps until the task has ended.
    pub(super) fn run_until_finished<T>(&self, task: &JoinHandle<T>) {
        loop {
            self.tick();
            if task.is_finished() {
                return;
            }
            if self.remote.fall_asleep() {
                self.event.wait();
                self.remote.wake_up();
            }
        }
    }

    /// Returns the number of tasks that have not been freed.
    pub(super) fn alive(&self) -> usize {
        self.alive.borrow().len()
    }
}

impl Schedule for Loop {
    fn owner(&self) -> ThreadNumber {
        self.watch.look();
        self.owner
    }

    fn allocate(&self, layout: Layout) -> NonNull<u8> {
        self.here();
        primitives::allocate(layout)
    }

    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        self.here();
        // SAFETY: by the contract.
        unsafe { primitives::deallocate(memory, layout) };
    }

    fn schedule(&self, task: Runnable) {
        self.here();
        self.queue.borrow_mut().push_back(task.into_task());
    }

    fn forget(&self, task: TaskPtr) {
        self.here();
        self.alive.borrow_mut().retain(|known| *known != task);
    }

    unsafe fn send(this: NonNull<Loop>, task: TaskPtr) {
        // SAFETY: alive, by the contract, until the message is received; then by `retain`.
        let lo = unsafe { this.as_ref() };
        if lo.flaw == Flaw::Unkept {
            return lo.post(task);
        }
        // SAFETY: alive, as above.
        unsafe { Loop::retain(this) };
        lo.post(task);
        // SAFETY: undoes the `retain`; the loop is not used afterwards.
        unsafe { Loop::release(this) };
    }

    unsafe fn retain(this: NonNull<Loop>) {
        // SAFETY: alive, by the contract, and so are its users.
        unsafe {
            this.as_ref().watch.look();
            Arc::increment_strong_count(this.as_ref().users.get());
        }
    }

    unsafe fn release(this: NonNull<Loop>) {
        // SAFETY: undoes a `retain`, by the contract.
        unsafe { Arc::decrement_strong_count(this.as_ref().users.get()) };
    }

    fn waker_vtable() -> &'static RawWakerVTable {
        &WAKER
    }
}

/// Value that only the thread of its creation may access, and that has to be dropped.
pub(super) struct Touch {
    thread: ThreadId,
    cell: UnsafeCell<()>,
    _track: Track<()>,
}

impl Touch {
    pub(super) fn new() -> Touch {
        Touch {
            thread: thread::current().id(),
            cell: UnsafeCell::new(()),
            _track: Track::new(()),
        }
    }

    fn touch(&self) {
        struct Alarm;
        impl Drop for Alarm {
            fn drop(&mut self) {
                ALARM.set(ALARM.get() || std::thread::panicking());
            }
        }
        let _alarm = Alarm;
        assert_eq!(
            self.thread,
            thread::current().id(),
            "accessed on another thread"
        );
        self.cell.with_mut(|_| ());
    }
}

impl Drop for Touch {
    fn drop(&mut self) {
        self.touch();
    }
}

/// Future that waits until `counter` has reached `enough`, and wakes itself a few times.
pub(super) struct Probe {
    touch: Touch,
    counter: Arc<AtomicUsize>,
    enough: usize,
    waker: Rc<RefCell<Option<Waker>>>,
    /// Number of polls in which it wakes itself. If it ends in the last one, it is queued then.
    self_wakes: usize,
}

impl Future for Probe {
    type Output = Touch;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Touch> {
        self.touch.touch();
        self.waker
            .borrow_mut()
            .get_or_insert_with(|| cx.waker().clone());
        if self.self_wakes > 0 {
            self.self_wakes -= 1;
            cx.waker().wake_by_ref();
        }
        // Relaxed: the wake has to order the increment before the poll.
        if self.self_wakes == 0 && self.counter.load(Ordering::Relaxed) >= self.enough {
            return Poll::Ready(Touch::new());
        }
        Poll::Pending
    }
}

/// A loop with one task, which has been polled once.
pub(super) struct World {
    pub(super) lo: Runtime,
    pub(super) task: JoinHandle<Touch>,
    pub(super) counter: Arc<AtomicUsize>,
    /// Cloned in the poll, so the owner counts its reference.
    pub(super) waker: Waker,
}

/// Creates a world whose task ends once `counter` is at least `enough`.
pub(super) fn world(enough: usize) -> Held<World> {
    world_of(Flaw::None, enough, 0)
}

pub(super) fn world_of(flaw: Flaw, enough: usize, self_wakes: usize) -> Held<World> {
    let lo = Runtime::new(flaw);
    let counter = Arc::new(AtomicUsize::new(0));
    let waker = Rc::new(RefCell::new(None));
    let probe = Probe {
        touch: Touch::new(),
        counter: counter.clone(),
        enough,
        waker: waker.clone(),
        self_wakes,
    };
    let task = lo.spawn(probe);
    if self_wakes == 0 {
        lo.tick();
    } else {
        // One poll, so that it is still queued.
        let first = lo.queue.borrow_mut().pop_front().unwrap();
        // SAFETY: owner thread; just taken out, with its bit set.
        unsafe { lifecycle::run::<Loop>(Runnable::new(first)) };
    }
    let waker = waker.take().unwrap();
    Held::new(World {
        lo,
        task,
        counter,
        waker,
    })
}

/// Adds one to the counter.
pub(super) fn increment(counter: &Arc<AtomicUsize>) {
    counter.fetch_add(1, Ordering::Relaxed);
}

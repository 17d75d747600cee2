//! The scheduler of the models, and the future whose every touch is checked.

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
use crate::task::header::{Schedule, TaskPtr};
use crate::task::runnable::{self, Runnable};
use crate::task::state::{DONE, JOIN, QUEUED, State};
use crate::task::{Id, JoinHandle, raw, waker};

/// Stands in for the reactor: a notification is kept until a wait takes it.
pub(super) struct Bell {
    rung: Mutex<bool>,
    condvar: Condvar,
}

impl Bell {
    pub(super) fn new() -> Bell {
        Bell {
            rung: Mutex::new(false),
            condvar: Condvar::new(),
        }
    }

    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.condvar.notify_one();
    }

    pub(super) fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.condvar.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// Is not dropped in a panic. Loom gives up when a drop needs its help after a deadlock.
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
            // SAFETY: this is the drop, so nobody takes it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

/// What a model leaves out of the scheduler on purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// A sender does not notify a loop that sleeps.
    Silent,
    /// A sender that finds the way in closed leaves its message there.
    LeavesLate,
    /// The end of the loop does not empty the queue.
    LeavesEarly,
    /// A sender does not keep the scheduler while it sends.
    Unkept,
    /// The end of the loop does not merge the tasks.
    Unmerged,
}

/// The scheduler of the models: the executor in short.
///
/// What counts its users is beside it, so that its memory can outlast the execution: a use after
/// its end is seen by `watch`, and is no real use after free.
pub(super) struct Loop {
    owner: ThreadNumber,
    home: ThreadId,
    queue: RefCell<VecDeque<TaskPtr>>,
    alive: RefCell<Vec<TaskPtr>>,
    remote: Remote<TaskPtr>,
    bell: Bell,
    flaw: Flaw,
    watch: Watch,
    /// As `Arc::into_raw` would give it. Set once, by the owner.
    users: Cell<*const Users>,
}

/// Goes with the last user of the loop.
struct Users(NonNull<Loop>);

impl Drop for Users {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // SAFETY: the loop goes here, not before.
        let lo = unsafe { self.0.as_ref() };
        assert!(lo.remote.pop().is_none(), "a message was left behind");
        lo.watch.gone();
        // SAFETY: made by `Box::leak`, and this is the last user.
        primitives::free(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The owner's hold on the loop.
pub(super) struct Runtime(Arc<Users>);

impl Runtime {
    pub(super) fn new(flaw: Flaw) -> Runtime {
        let lo = NonNull::from(Box::leak(Box::new(Loop {
            owner: ThreadNumber::current(),
            home: thread::current().id(),
            queue: RefCell::default(),
            alive: RefCell::default(),
            remote: Remote::new(),
            bell: Bell::new(),
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
        // SAFETY: every model merges its tasks before it gives the loop up; owner thread.
        let task = unsafe {
            raw::allocate(
                future,
                scheduler,
                id,
                State::new(JOIN | QUEUED),
                2,
                console::Task::new(),
            )
        };
        self.alive.borrow_mut().push(task);
        self.queue.borrow_mut().push_back(task);
        // SAFETY: `JOIN` is set, and the second reference is for this one handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Drops every future, hands the tasks to those who hold them, and closes the way in.
    pub(super) fn end(self) {
        let tasks = self.alive.borrow().clone();
        for task in tasks {
            // SAFETY: a task in the registry is alive, and none is freed here: the ones that are
            // not done are queued, or held by someone.
            if !unsafe { task.as_ref() }.state.is(DONE) {
                // SAFETY: owner thread; not done, not running.
                unsafe { runnable::cancel::<Loop>(task) };
            }
        }
        loop {
            let task = self.queue.borrow_mut().pop_front();
            let Some(task) = task else { break };
            // SAFETY: owner thread, just taken out.
            unsafe { runnable::run::<Loop>(Runnable::new(task)) };
        }
        let tasks = self.alive.borrow().clone();
        for task in tasks {
            if self.flaw != Flaw::Unmerged {
                // SAFETY: owner thread; done, not queued, and still referenced.
                unsafe { runnable::merge::<Loop>(task) };
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
// changes; the rest is made for all threads.
unsafe impl Send for Users {}
// SAFETY: as above.
unsafe impl Sync for Users {}

static WAKER: RawWakerVTable = waker::vtable::<Loop>();

impl Loop {
    fn post(&self, task: TaskPtr) {
        match self.remote.send(task) {
            Sent::Done => {}
            Sent::Notify if self.flaw == Flaw::Silent => {}
            Sent::Notify => self.bell.ring(),
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
        assert_eq!(self.home, thread::current().id(), "not the loop's thread");
    }

    pub(super) fn receive(&self) {
        if self.remote.is_pending() {
            // SAFETY: owner thread; the reference came with the message.
            self.remote
                .receive(|task| unsafe { runnable::receive::<Loop>(task) });
        }
    }

    /// Receives, and runs what is ready.
    pub(super) fn tick(&self) {
        self.here();
        self.receive();
        loop {
            // The borrow ends before the task runs.
            let task = self.queue.borrow_mut().pop_front();
            let Some(task) = task else { break };
            // SAFETY: owner thread; just taken out, with its bit set; no task runs another.
            unsafe { runnable::run::<Loop>(Runnable::new(task)) };
        }
    }

    /// Runs and sleeps until the task is over.
    pub(super) fn run_until_finished<T>(&self, task: &JoinHandle<T>) {
        loop {
            self.tick();
            if task.is_finished() {
                return;
            }
            if self.remote.fall_asleep() {
                self.bell.wait();
                self.remote.wake_up();
            }
        }
    }

    /// Tasks that have not been freed.
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
        // SAFETY: alive, by the contract, until the message is gone; then by `retain`.
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

/// Something that only its own thread may touch, and that must be dropped.
pub(super) struct Touch {
    home: ThreadId,
    cell: UnsafeCell<()>,
    _track: Track<()>,
}

impl Touch {
    pub(super) fn new() -> Touch {
        Touch {
            home: thread::current().id(),
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
        assert_eq!(self.home, thread::current().id(), "touched elsewhere");
        self.cell.with_mut(|_| ());
    }
}

impl Drop for Touch {
    fn drop(&mut self) {
        self.touch();
    }
}

/// Waits until `signs` has reached `enough` and it is not restless any more.
pub(super) struct Probe {
    touch: Touch,
    signs: Arc<AtomicUsize>,
    enough: usize,
    waker: Rc<RefCell<Option<Waker>>>,
    /// In how many polls it wakes itself. In the last of them it may end, and is queued then.
    restless: usize,
}

impl Future for Probe {
    type Output = Touch;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Touch> {
        self.touch.touch();
        self.waker
            .borrow_mut()
            .get_or_insert_with(|| cx.waker().clone());
        if self.restless > 0 {
            self.restless -= 1;
            cx.waker().wake_by_ref();
        }
        // Relaxed: that a wake comes after the sign is the waker's to tell.
        if self.restless == 0 && self.signs.load(Ordering::Relaxed) >= self.enough {
            return Poll::Ready(Touch::new());
        }
        Poll::Pending
    }
}

/// A loop with one task on it, that has been polled once.
pub(super) struct World {
    pub(super) lo: Runtime,
    pub(super) task: JoinHandle<Touch>,
    pub(super) signs: Arc<AtomicUsize>,
    /// Cloned in the poll: its reference is counted by the owner.
    pub(super) waker: Waker,
}

/// A world whose task ends once it finds `enough` signs.
pub(super) fn world(enough: usize) -> Held<World> {
    world_of(Flaw::None, enough, 0)
}

pub(super) fn world_of(flaw: Flaw, enough: usize, restless: usize) -> Held<World> {
    let lo = Runtime::new(flaw);
    let signs = Arc::new(AtomicUsize::new(0));
    let waker = Rc::new(RefCell::new(None));
    let probe = Probe {
        touch: Touch::new(),
        signs: signs.clone(),
        enough,
        waker: waker.clone(),
        restless,
    };
    let task = lo.spawn(probe);
    if restless == 0 {
        lo.tick();
    } else {
        // One poll, so that it is still queued.
        let first = lo.queue.borrow_mut().pop_front().unwrap();
        // SAFETY: owner thread; just taken out, with its bit set.
        unsafe { runnable::run::<Loop>(Runnable::new(first)) };
    }
    let waker = waker.take().unwrap();
    Held::new(World {
        lo,
        task,
        signs,
        waker,
    })
}

/// Adds a sign.
pub(super) fn sign(signs: &Arc<AtomicUsize>) {
    signs.fetch_add(1, Ordering::Relaxed);
}

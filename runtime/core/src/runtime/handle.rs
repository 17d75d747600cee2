//! The handle of a runtime for other threads.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, Location, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use super::{EnterGuard, Runtime, parker};
use crate::blocking::{Blocking, Pool, RemoteCall};
use crate::console::About;
use crate::context::{self, Context as RuntimeContext, Wakers};
use crate::executor::{Executor, current, next_id, reserve_id, spawn_hidden};
use crate::id::{Id as RuntimeId, ThreadNumber};
use crate::primitives::OnceLock;
use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::task::oneshot::{Missing, Receiver, oneshot};
use crate::task::{AbortHandle, Id, JoinError, NO_RUNTIME, RUNTIME_ENDED};

/// Handle of a runtime, for any thread: spawns tasks and can cancel all of them.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Runtime::new()?;
/// let handle = runtime.handle();
/// let other = std::thread::spawn(move || {
///     // The closure is sent to the runtime's thread; the future that it makes need not be `Send`.
///     let task = handle.spawn_with(|| async { std::rc::Rc::new(5_u32).pow(2) });
///     wakeful::block_on(task)
/// });
/// while !other.is_finished() {
///     runtime.block_on(wakeful::task::yield_now());
/// }
/// assert_eq!(other.join().unwrap().unwrap(), 25);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    pub(super) executor: Arc<Executor>,
    pool: Arc<Pool>,
}

// Panics of tasks are caught at the poll, so no change that a handle can observe is left half done.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl Runtime {
    /// Returns a handle of this runtime for other threads.
    pub fn handle(&self) -> Handle {
        Handle {
            executor: self.parts.executor.clone(),
            pool: self.parts.blocking.pool.clone(),
        }
    }
}

impl Handle {
    /// Returns a handle of this thread's runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime; see [`try_current`](Self::try_current).
    #[track_caller]
    pub fn current() -> Handle {
        match Handle::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns a handle of this thread's runtime.
    ///
    /// # Errors
    ///
    /// Outside a runtime, and inside one that has ended (see
    /// [`Runtime::enter_guard`](crate::Runtime::enter_guard)).
    ///
    /// ```
    /// assert!(wakeful::Handle::try_current().unwrap_err().is_missing_context());
    /// wakeful::block_on(async { assert!(wakeful::Handle::try_current().is_ok()) });
    /// ```
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        let Some(context) = context::current() else {
            return Err(TryCurrentError { has_ended: false });
        };
        let executor = context.part::<Executor>();
        if executor.is_released() {
            return Err(TryCurrentError { has_ended: true });
        }
        Ok(Handle {
            executor: executor.shared(),
            pool: context.part::<Blocking>().pool.clone(),
        })
    }

    /// Returns the id of the runtime.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let id = runtime.block_on(async { wakeful::Handle::current().id() });
    /// assert_eq!(runtime.handle().id(), id);
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(&self) -> RuntimeId {
        self.executor.identity.id
    }

    /// Returns the name of the runtime, if [`Builder::name`](crate::Builder::name) has set one.
    pub fn name(&self) -> Option<&str> {
        self.executor.identity.name.as_deref()
    }

    /// Makes the runtime the current runtime of its own thread until the guard is dropped, as
    /// [`Runtime::enter_guard`](crate::Runtime::enter_guard) does.
    ///
    /// # Panics
    ///
    /// On any other thread: tasks, timers and sockets belong to the runtime's thread. Use
    /// [`spawn`](Self::spawn) or [`spawn_with`](Self::spawn_with) there. Also if the runtime has
    /// ended.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let handle = runtime.handle();
    /// let task = {
    ///     let _guard = handle.enter();
    ///     wakeful::spawn(async { 1 })
    /// };
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn enter(&self) -> EnterGuard<'_> {
        assert!(
            self.executor.home().is_current(),
            "`Handle::enter` was called on another thread than that of the runtime, to which its \
             tasks, timers and sockets belong: use `handle.spawn(future)`, or \
             `handle.spawn_with(closure)` for a future that is not `Send`"
        );
        match self.own_context() {
            Some(context) => EnterGuard::new(context),
            None => panic!("`Handle::enter`: the runtime of this handle has ended"),
        }
    }

    /// Returns the context of the runtime if this is its thread and it has not ended.
    pub(super) fn own_context(&self) -> Option<Rc<RuntimeContext>> {
        if !self.executor.home().is_current() {
            return None;
        }
        self.executor.context()
    }

    /// Polls a future on the calling thread, which is not that of the runtime, until it is ready;
    /// the thread sleeps in between.
    ///
    /// The loop on the runtime's thread continues meanwhile, so the future may wait for tasks that
    /// it [spawns](Self::spawn) through a handle, and for channels. The calling thread is not
    /// inside of the runtime: [`wakeful::spawn`](crate::spawn), sleeps and sockets need its thread,
    /// and panic here.
    ///
    /// # Panics
    ///
    /// On the runtime's own thread, whose loop could not run meanwhile: use
    /// [`Runtime::block_on`](crate::Runtime::block_on) there. Inside of another runtime, whose loop
    /// would be blocked. A panic of the future passes through.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let handle = wakeful::Handle::current();
    ///     let sum = wakeful::spawn_blocking(move || {
    ///         handle.block_on(async { handle.spawn(async { 1 + 2 }).await.unwrap() })
    ///     });
    ///     assert_eq!(sum.await.unwrap(), 3);
    /// });
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        assert!(
            !self.executor.home().is_current(),
            "`Handle::block_on` was called on the thread of the runtime, whose loop can't run \
             meanwhile: use `Runtime::block_on`, or `.await` inside the runtime"
        );
        assert!(
            !context::is_running(),
            "`Handle::block_on` was called inside another Wakeful runtime, whose loop it would \
             block: use `.await`, or move the call into `wakeful::spawn_blocking`"
        );
        parker::block_on(future)
    }

    /// Runs a blocking closure on the pool of the runtime, as
    /// [`wakeful::spawn_blocking`](crate::spawn_blocking) does, from any thread. It begins also
    /// while the loop does not run.
    ///
    /// If the runtime has ended, or ends before the closure begins, the closure is dropped, and the
    /// handle returns an error that says so. [`abort`](RemoteJoinHandle::abort) prevents a closure
    /// that has not begun from beginning.
    ///
    /// # Panics
    ///
    /// If the system starts no thread and none is running.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let handle = runtime.handle();
    /// let other = std::thread::spawn(move || handle.block_on(handle.spawn_blocking(|| 6 * 7)));
    /// assert_eq!(other.join().unwrap().unwrap(), 42);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> RemoteJoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let id = reserve_id();
        let stop = Arc::new(Stop::default());
        let is_stopped = {
            let stop = stop.clone();
            move || stop.is_requested()
        };
        // A stopped clock may jump once the closure has ended, so the loop has to check again.
        let executor = self.executor.clone();
        let ended = move || executor.call(Box::new(|| ()));
        let call = RemoteCall {
            id,
            is_stopped,
            ended,
        };
        match call.begin(&self.pool, Location::caller(), f) {
            Ok(receiver) => RemoteJoinHandle {
                id,
                owner_thread: self.executor.home(),
                // The result does not depend on the loop, so waiting for it blocks no loop.
                executor: Weak::new(),
                receiver,
                stop,
            },
            Err(error) => panic!("spawn_blocking: {error}"),
        }
    }

    /// Sends a closure to the runtime's thread, where it makes a future that runs as a task.
    ///
    /// The closure and the output are sent between threads, the future is not. If the runtime has
    /// ended, or ends before the task does, the handle returns an error that says so.
    #[track_caller]
    pub fn spawn_with<M, F>(&self, make: M) -> RemoteJoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let (sender, receiver) = oneshot();
        let location = Location::caller();
        let id = reserve_id();
        let stop = Arc::new(Stop::default());
        let task_stop = stop.clone();
        self.executor.call(Box::new(move || {
            let future = match catch_unwind(AssertUnwindSafe(make)) {
                Ok(future) => future,
                Err(payload) => return sender.fill(Err(Missing::Panicked(payload))),
            };
            let task =
                current::with(|executor| executor.spawn_as(id, location, future, About::task()));
            task_stop.arm(task.abort_handle());
            let relay = async move {
                sender.fill(match task.await {
                    Ok(output) => Ok(output),
                    Err(error) => Err(error
                        .try_into_panic()
                        .map_or(Missing::Dropped, Missing::Panicked)),
                });
            };
            // Observers show the task itself and not this relay.
            spawn_hidden(next_id(), location, relay);
        }));
        RemoteJoinHandle {
            id,
            owner_thread: self.executor.home(),
            executor: Arc::downgrade(&self.executor),
            receiver,
            stop,
        }
    }

    /// Sends a future to the runtime's thread, where it runs as a task. For a future that is not
    /// `Send` see [`spawn_with`](Self::spawn_with). If the runtime has ended, or ends before the
    /// task does, the handle returns an error that says so.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let handle = wakeful::Handle::current();
    ///     let spawned = wakeful::spawn_blocking(move || handle.spawn(async { 6 * 7 }));
    ///     assert_eq!(spawned.await.unwrap().await.unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> RemoteJoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.spawn_with(move || future)
    }

    /// Sends `f` to the runtime's thread, which calls it. If the runtime has ended, `f` is dropped.
    pub(crate) fn call(&self, f: impl FnOnce() + Send + 'static) {
        self.executor.call(Box::new(f));
    }

    /// Raises an event of that kind: the loop calls its [function for
    /// events](crate::Runtime::on_raised).
    #[inline]
    pub(crate) fn raise(&self, kind: u32) {
        self.executor.raise(kind);
    }

    /// Cancels every task of the runtime. The future of `block_on` continues; tasks that are
    /// spawned later are cancelled immediately.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let server = wakeful::spawn(std::future::pending::<()>());
    ///     let handle = wakeful::Handle::current();
    ///     std::thread::spawn(move || handle.shutdown());
    ///     assert!(server.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn shutdown(&self) {
        let executor = Arc::downgrade(&self.executor);
        self.executor.call(Box::new(move || {
            if let Some(executor) = executor.upgrade() {
                executor.abort_all();
            }
        }));
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Error of [`Handle::try_current`]: the thread is not inside of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryCurrentError {
    has_ended: bool,
}

impl TryCurrentError {
    /// Whether the thread is outside of any runtime. `false`: the runtime that it is inside of has
    /// ended.
    pub fn is_missing_context(&self) -> bool {
        !self.has_ended
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.has_ended {
            true => RUNTIME_ENDED,
            false => NO_RUNTIME,
        })
    }
}

impl std::error::Error for TryCurrentError {}

/// Abort of a task that may be requested before the task exists.
#[derive(Default)]
pub(crate) struct Stop {
    task: OnceLock<AbortHandle>,
    requested: AtomicBool,
}

impl Stop {
    pub(crate) fn arm(&self, task: AbortHandle) {
        let _ = self.task.set(task);
        self.carry_out();
    }

    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.carry_out();
    }

    fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Aborts the task if an abort has been requested and the task exists. Both sides write their
    /// part first and then read the other, with a sequentially consistent fence in between, so at
    /// least one of them sees both.
    fn carry_out(&self) {
        fence(Ordering::SeqCst);
        if self.requested.load(Ordering::SeqCst)
            && let Some(task) = self.task.get()
        {
            task.abort();
        }
    }
}

/// Handle that waits, on any thread and in any runtime, for the output of a task on another thread.
/// Dropping the handle detaches the task.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel-safe.
///
/// # Panics
///
/// If polled again after it returned the output.
pub struct RemoteJoinHandle<T> {
    id: Id,
    owner_thread: ThreadNumber,
    executor: Weak<Executor>,
    receiver: Receiver<T>,
    stop: Arc<Stop>,
}

impl<T> RemoteJoinHandle<T> {
    /// Requests that the task be cancelled.
    pub fn abort(&self) {
        self.stop.request();
    }

    /// Whether the task has ended. Also true after its output has been taken.
    pub fn is_finished(&self) -> bool {
        self.receiver.is_over()
    }
}

impl<T> RemoteJoinHandle<T> {
    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl<T> RemoteJoinHandle<T> {
    /// Notes a foreign wait if the running loop and the task belong to different runtimes of this
    /// thread: the loop of the task can't run meanwhile.
    #[cold]
    fn note_foreign(&self) {
        let executor = self.executor.upgrade();
        if executor.is_some_and(|executor| context::is_foreign(&*executor)) {
            let what = format!("task {} by its `RemoteJoinHandle`", self.id);
            context::note_foreign(what, Box::new(Remote(Arc::downgrade(&self.stop))));
        }
    }
}

/// The waker of the task that waits for the output. It is stored in a oneshot, where it can't be
/// compared with other wakers, so a no-op waker stands for it.
struct Remote(Weak<Stop>);

impl Wakers for Remote {
    fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.0.strong_count() {
            0 => ControlFlow::Continue(()),
            _ => f(Waker::noop()),
        }
    }

    fn address(&self) -> *const () {
        self.0.as_ptr().cast()
    }
}

impl<T> Future for RemoteJoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id;
        let poll = Pin::new(&mut self.receiver).poll(cx);
        if poll.is_pending() && self.owner_thread.is_current() {
            self.note_foreign();
        }
        poll.map_err(|missing| match missing {
            Missing::Panicked(payload) => JoinError::panicked(id, payload),
            Missing::Dropped => JoinError::cancelled(id),
        })
    }
}

impl<T> fmt::Debug for RemoteJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJoinHandle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

//! The handle of a runtime for other threads.

use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, Location, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use super::Runtime;
use crate::console::About;
use crate::context::{self, Wakers};
use crate::executor::{Executor, current, next_id, reserve_id, spawn_hidden};
use crate::id::ThreadNumber;
use crate::primitives::OnceLock;
use crate::primitives::atomic::{AtomicBool, Ordering, fence};
use crate::task::oneshot::{Missing, Receiver, oneshot};
use crate::task::{AbortHandle, Id, JoinError};

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
}

// Panics of tasks are caught at the poll, so no change that a handle can observe is left half done.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl Runtime {
    /// Returns a handle of this runtime for other threads.
    pub fn handle(&self) -> Handle {
        Handle::new(self.parts.executor.clone())
    }
}

impl Handle {
    fn new(executor: Arc<Executor>) -> Handle {
        Handle { executor }
    }

    /// Returns a handle of this thread's runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime; see [`try_current`](Self::try_current).
    #[track_caller]
    pub fn current() -> Handle {
        current::with(|executor| Handle::new(executor.shared()))
    }

    /// Returns a handle of this thread's runtime, if there is one.
    pub fn try_current() -> Option<Handle> {
        current::try_with(|executor| Handle::new(executor.shared()))
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

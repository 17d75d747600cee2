//! Runtimes, at tokio's paths: [`Runtime`], [`Builder`], [`Handle`].
//!
//! A runtime has one loop, on the thread that calls [`Runtime::block_on`]. tokio's flavors are
//! accepted, and all mean this loop. Tasks run only while a `block_on` runs, as in tokio's
//! `current_thread` flavor.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::join::JoinHandle;

pub use wakeful::EnterGuard;
pub use wakeful::runtime::{Id, TryCurrentError};

mod builder;
pub use builder::Builder;

thread_local! {
    /// The handle of the runtime whose blocking closure this thread runs.
    static BLOCKING: RefCell<Option<Handle>> = const { RefCell::new(None) };
}

/// A runtime that belongs to one thread, under tokio's name for one of a single thread.
pub type LocalRuntime = Runtime;

/// Options of [`Builder::build_local`]. There are none yet.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LocalOptions {}

/// The flavor of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// One loop on one thread.
    CurrentThread,
    /// Several threads. No runtime of this package has it; it is here for `match`.
    MultiThread,
}

/// A runtime: one loop for the tasks of one thread.
///
/// Unlike tokio's it can't be sent to another thread, and its tasks run only during
/// [`block_on`](Self::block_on). Dropping it drops all tasks, and waits for blocking closures that
/// run.
///
/// ```
/// # use wakeful_tokio as tokio;
/// # fn main() -> std::io::Result<()> {
/// let runtime = tokio::runtime::Runtime::new()?;
/// assert_eq!(runtime.block_on(async { 6 * 7 }), 42);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Runtime {
    runtime: wakeful::Runtime,
    handle: Handle,
}

impl Runtime {
    /// Makes a runtime with the defaults.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, such as that the process has no descriptor left.
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().build()
    }

    fn from_ours(runtime: wakeful::Runtime) -> Runtime {
        let handle = Handle(runtime.handle());
        Runtime { runtime, handle }
    }

    /// Runs the loop until the future is ready.
    ///
    /// # Panics
    ///
    /// Inside another runtime. A panic of the future passes through.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Spawns a task, which runs during [`block_on`](Self::block_on). It need not be `Send`.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        JoinHandle::local(self.runtime.spawn(future))
    }

    /// Spawns a task as [`spawn`](Self::spawn) does.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn(future)
    }

    /// Runs a closure on the pool of threads for blocking closures, see
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        JoinHandle::local(self.runtime.spawn_blocking(self.handle.blocking(f)))
    }

    /// Returns the handle of the runtime, which other threads may use.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Makes this runtime the current one of the thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter_guard()
    }

    /// Drops the runtime, and waits at most `timeout` for blocking closures that run.
    pub fn shutdown_timeout(self, timeout: Duration) {
        self.runtime.shutdown_timeout(timeout);
    }

    /// Drops the runtime without waiting for blocking closures that run.
    pub fn shutdown_background(self) {
        self.runtime.shutdown_background();
    }
}

/// Handle of a runtime, for other threads.
#[derive(Clone)]
pub struct Handle(pub(crate) wakeful::Handle);

impl Handle {
    /// Returns the handle of the runtime that this thread is inside of, or whose blocking closure
    /// it runs.
    ///
    /// # Panics
    ///
    /// On any other thread.
    #[track_caller]
    pub fn current() -> Handle {
        match Handle::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the handle of the runtime that this thread is inside of, or whose blocking closure
    /// it runs.
    ///
    /// # Errors
    ///
    /// On any other thread.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        match wakeful::Handle::try_current() {
            Ok(handle) => Ok(Handle(handle)),
            Err(error) => BLOCKING.with_borrow(Clone::clone).ok_or(error),
        }
    }

    /// Makes the runtime the current one of its own thread until the guard is dropped.
    ///
    /// # Panics
    ///
    /// On any other thread, unlike tokio's: tasks, timers and sockets belong to one thread.
    #[track_caller]
    pub fn enter(&self) -> EnterGuard<'_> {
        self.0.enter()
    }

    /// Spawns a task on the runtime's thread, from any thread. For a future that is not `Send`, use
    /// [`spawn`](crate::spawn) on that thread.
    ///
    /// ```
    /// # use wakeful_tokio as tokio;
    /// #[tokio::main]
    /// async fn main() {
    ///     let handle = tokio::runtime::Handle::current();
    ///     let thread = std::thread::spawn(move || handle.spawn(async { 6 * 7 }).abort_handle());
    ///     thread.join().unwrap();
    /// }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        JoinHandle::remote(self.0.spawn(future))
    }

    /// Runs a closure on the pool of threads for blocking closures, see
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        JoinHandle::remote(self.0.spawn_blocking(self.blocking(f)))
    }

    /// Polls a future on this thread, which is not that of the runtime, until it is ready.
    ///
    /// # Panics
    ///
    /// On the runtime's own thread, unlike tokio's: use [`Runtime::block_on`] there. If the future
    /// itself uses a socket or a timer: those work on the runtime's thread only, so
    /// [`spawn`](Self::spawn) what needs them.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    /// Returns [`RuntimeFlavor::CurrentThread`].
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        RuntimeFlavor::CurrentThread
    }

    /// Returns the id of the runtime.
    pub fn id(&self) -> Id {
        self.0.id()
    }

    /// Returns the name of the runtime, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Returns a closure that calls `f` on a thread of the pool, where
    /// [`current`](Self::current) returns this handle meanwhile.
    pub(crate) fn blocking<F, T>(&self, f: F) -> impl FnOnce() -> T + Send + use<F, T>
    where
        F: FnOnce() -> T + Send,
    {
        let handle = self.clone();
        move || {
            let _reset = Reset(BLOCKING.replace(Some(handle)));
            f()
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Puts the handle of before back, also after a panic.
struct Reset(Option<Handle>);

impl Drop for Reset {
    fn drop(&mut self) {
        BLOCKING.set(self.0.take());
    }
}

//! The runtime: an executor, a reactor, a blocking pool and files, joined by the run loop
//! (`block_on.rs`).

mod adaptive_spin;
mod batch_limit;
mod block_on;
mod builder;
mod deadlock;
mod drive;
mod dump;
#[cfg(feature = "signal")]
mod dump_signal;
#[cfg(feature = "faults")]
mod faults;
mod handle;
mod hooks;
mod inspector;
mod members;
mod metrics;
mod parker;
mod reports;
#[cfg(feature = "sim")]
mod simulated;
mod spawner;
#[cfg(feature = "trace")]
mod trace;
#[cfg(all(feature = "trace", feature = "signal"))]
mod trace_signal;
#[cfg(not(all(feature = "trace", feature = "signal")))]
#[path = "trace_signal/noop.rs"]
mod trace_signal;
mod turn;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use adaptive_spin::AdaptiveSpin;
pub use builder::Builder;
pub use deadlock::{DeadlockKind, DeadlockReport};
pub use drive::{Drive, Host};
pub use dump::{Dump, LockDump, RemoteDump, TaskDump, TaskState, WaitDump, dump};
#[cfg(feature = "signal")]
pub use dump_signal::dump_on_signal;
#[cfg(all(test, any(loom, shuttle)))]
pub(crate) use handle::Stop;
pub use handle::{Handle, RemoteJoinHandle, TryCurrentError};
pub use metrics::{Metrics, MetricsLevel};
pub use spawner::LocalSpawner;

pub use crate::id::Id;
pub use crate::shutdown_error::is_rt_shutdown_err;
use inspector::Inspector;

use crate::blocking::Blocking;
use crate::context::{self, Context, Entered};
use crate::executor::{Executor, spawn_at};
use crate::fs::Files;
use crate::reactor::Reactor;
use crate::stall;
use crate::task::JoinHandle;
use hooks::Hooks;

/// A single-threaded runtime. It belongs to the thread that made it.
///
/// Tasks exist between two calls of [`block_on`](Self::block_on), but run only inside `block_on`,
/// or in a [`turn`](Self::turn) for another event loop.
///
/// # Drop
///
/// The futures of all tasks are dropped, on this thread; the handles of unfinished tasks return a
/// cancelled [`JoinError`](crate::task::JoinError). Tasks that are spawned by those drops are
/// cancelled immediately. Wakers and handles that are still held elsewhere stay valid and do
/// nothing. Then the drop waits until the system has what was written to [standard
/// streams](crate::io#standard-streams), and for running [`spawn_blocking`](crate::spawn_blocking)
/// closures and [file](crate::fs) operations, see [`shutdown_timeout`](Self::shutdown_timeout).
///
/// The wait for closures and files blocks the thread. Inside [`block_on`](Self::block_on) of
/// another runtime, it blocks the loop of that runtime for up to
/// [`blocking_shutdown_timeout`](Builder::blocking_shutdown_timeout), 10 seconds by default; after
/// 100 ms it is reported on standard error. Call [`shutdown_background`](Self::shutdown_background)
/// or `shutdown_timeout` there instead.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Runtime::new()?;
/// let answer = runtime.block_on(async { wakeful::spawn(async { 42 }).await.unwrap() });
/// assert_eq!(answer, 42);
/// # Ok(())
/// # }
/// ```
pub struct Runtime {
    parts: Parts,
    /// How long the drop waits; `None` once the runtime has been shut down.
    drop_timeout: Option<Duration>,
}

/// A drop that blocks another loop for longer is reported.
const REPORT_AFTER: Duration = Duration::from_millis(100);

/// Everything that the run loop uses.
struct Parts {
    /// The next four fields, for code on this thread that looks up its runtime.
    context: Rc<Context>,
    executor: Arc<Executor>,
    reactor: Rc<Reactor>,
    blocking: Rc<Blocking>,
    files: Rc<Files>,
    /// Whether the loop is asleep after a turn, see `turn.rs`.
    asleep_between_turns: Cell<bool>,
    /// Whether a `Drive` has the loop, see `drive.rs`.
    is_driven: Cell<bool>,
    /// How long to spin for work before a sleep.
    adaptive_spin: Rc<AdaptiveSpin>,
    /// Whether a wait for another runtime of this thread has been reported, see `reports.rs`.
    foreign_wait_reported: Cell<bool>,
    /// Whether a wait for a timer that a stopped clock can't reach has been reported.
    unreachable_timer_reported: Cell<bool>,
    /// Where stalls are detected: how long the loop may sleep before it checks whether anything can
    /// wake it, see `reports.rs`.
    silence_limit: Cell<Option<Duration>>,
    hooks: Hooks,
    /// Whether a sleep takes the slow path: a hook or `silence_limit` is set.
    watches_sleep: Cell<bool>,
    /// Where deadlocks are detected: the state of the search.
    inspector: Option<Box<Inspector>>,
    /// Polls between two reactor turns. 0: by the clock.
    event_interval: u32,
}

// A panic of a task is caught at its poll, and a panic of the future of `block_on` leaves the loop
// between two of its steps. User code runs with nothing borrowed and no change half done, and
// guards restore what was set for it. So after a caught panic, the tasks, the timers and the
// reactor are in the same state as without it.
impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

impl Parts {
    /// Whether no closure, file request or remote message is pending. Then virtual time may
    /// advance.
    fn is_still(&self) -> bool {
        self.blocking.is_idle() && self.files.is_idle() && !self.executor.is_pending()
    }

    /// Calls `f` with this runtime as the current runtime of the thread.
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = context::enter(self.context.clone());
        f()
    }
}

impl Runtime {
    /// Runs the loop on this thread until the future is ready, and returns its output.
    ///
    /// The future need not be `Send` or `'static`. Tasks run meanwhile; tasks that have not ended
    /// when `block_on` returns continue in the next call.
    ///
    /// # Panics
    ///
    /// If called inside a runtime on the same thread. A panic of the future passes through; the
    /// tasks and the runtime stay usable.
    ///
    /// If it would wait forever for another runtime of the same thread, whose loop can't run
    /// meanwhile: the future or a task has polled a [`JoinHandle`], a sleep or a socket of the
    /// other runtime, and nothing else could end the wait, neither in this runtime nor in another
    /// thread. If another thread may end the wait, one line on standard error says what is waited
    /// for.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.parts.block_on(future)
    }

    /// Returns a guard whose drop waits for the output to standard streams, as the end of
    /// [`block_on`](Self::block_on) does.
    #[cfg(feature = "tokio-host")]
    pub(crate) fn finish_output_at_end(&self) -> block_on::FinishOutput<'_> {
        block_on::FinishOutput(&self.parts.blocking)
    }

    /// Spawns a task, as [`wakeful::spawn`](crate::spawn) does inside the runtime. The task runs in
    /// the next [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let location = Location::caller();
        self.enter(|| spawn_at(location, future))
    }

    /// Calls `f` with this runtime as the current runtime of the thread, so that `f` may spawn, arm
    /// timers and register sockets outside of [`block_on`](Self::block_on).
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let task = runtime.enter(|| wakeful::spawn(async { 1 }));
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        self.parts.enter(f)
    }

    /// Makes this runtime the current runtime of the thread until the guard is dropped, as
    /// [`enter`](Self::enter) does during a closure.
    ///
    /// Guards and calls of `enter` nest, and the newest that has not ended counts. They may end in
    /// any order: each removes only itself. A guard that is leaked (`std::mem::forget`) leaves the
    /// thread inside the runtime, and keeps the runtime's memory and descriptors. After that
    /// runtime has been dropped, a spawn on the thread panics with a message that says so.
    ///
    /// A task should not hold a guard across an `.await`: the other tasks of its loop would run
    /// inside the guard's runtime as well, and would spawn there.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let task = {
    ///     let _guard = runtime.enter_guard();
    ///     wakeful::spawn(async { 1 })
    /// };
    /// assert!(wakeful::Handle::try_current().is_err());
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter_guard(&self) -> EnterGuard<'_> {
        EnterGuard::new(self.parts.context.clone())
    }

    /// Runs a blocking closure on the pool, as [`wakeful::spawn_blocking`](crate::spawn_blocking)
    /// does inside the runtime. The closure runs at once, and its result arrives in the next
    /// [`block_on`](Self::block_on).
    ///
    /// # Panics
    ///
    /// If the system starts no thread and none is running.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let task = runtime.spawn_blocking(|| 6 * 7);
    /// assert_eq!(runtime.block_on(task).unwrap(), 42);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let _entered = context::enter(self.parts.context.clone());
        crate::spawn_blocking(f)
    }

    /// Sets the function that the loop calls after events were raised through a [`Handle`]. Its
    /// argument has one bit for each kind of event.
    pub(crate) fn on_raised(&self, f: fn(u8)) {
        self.parts.executor.on_raised(f);
    }

    /// Returns the spin of this loop, for code that sends messages to other threads and expects
    /// replies.
    pub(crate) fn adaptive_spin(&self) -> Rc<AdaptiveSpin> {
        self.parts.adaptive_spin.clone()
    }

    /// Drops the runtime. Waits at most `timeout` for running
    /// [`spawn_blocking`](crate::spawn_blocking) closures, and at most `timeout` between two
    /// completions of [file](crate::fs) operations on a ring. Returns how many threads and
    /// operations are still running; they run to their end, and their results are dropped.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> usize {
        self.drop_timeout = None;
        self.shut_down(timeout, |_| ())
    }

    /// Drops the runtime without waiting for [`spawn_blocking`](crate::spawn_blocking) closures. It
    /// waits for what was written to [standard streams](crate::io#standard-streams).
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// Shuts the runtime down as [`shutdown_timeout`](Self::shutdown_timeout) does. Calls `report`,
    /// at most once, with the number of closures that still run after `REPORT_AFTER`.
    fn shut_down(&self, timeout: Duration, report: impl FnOnce(usize)) -> usize {
        let Parts {
            executor,
            reactor,
            blocking,
            files,
            ..
        } = &self.parts;
        executor.trace.write_at_end();
        // This runs user code: the drops of futures and of what they own, and foreign wakers.
        self.enter(|| {
            executor.cancel_all();
            reactor.shut_down();
        });
        // From here on no user code runs, so no task is spawned that would never be dropped.
        executor.release_remaining();
        executor.forget_context();
        if executor.observer().is_some() {
            stall::unwatch();
        }
        blocking.finish_output();
        let in_flight = files.shut_down(timeout);
        let at_work = blocking.pool.shut_down(timeout.min(REPORT_AFTER));
        if at_work == 0 || timeout <= REPORT_AFTER {
            return in_flight + at_work;
        }
        report(at_work);
        in_flight + blocking.pool.shut_down(timeout - REPORT_AFTER)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let Some(timeout) = self.drop_timeout.take() else {
            return;
        };
        let busy = self.shut_down(timeout, |busy| {
            if context::is_running() {
                crate::report::report!(
                    "wakeful: a runtime is dropped inside `block_on` of another one, whose loop \
                     stands still until {busy} `spawn_blocking` closures have ended, for \
                     {timeout:?} at most. Use `Runtime::shutdown_background` or \
                     `Runtime::shutdown_timeout` there, or drop the runtime outside of `block_on`"
                );
            }
        });
        if busy > 0 && !timeout.is_zero() {
            crate::report::report!(
                "wakeful: a runtime was dropped while {busy} `spawn_blocking` closures or file \
                 operations still ran after {timeout:?}; they run to their end, see \
                 `Runtime::shutdown_timeout`"
            );
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

/// Guard that keeps its thread inside a runtime until it is dropped, see [`Runtime::enter_guard`]
/// and [`Handle::enter`]. It can't be sent to another thread.
#[must_use = "the thread leaves the runtime when the guard is dropped"]
pub struct EnterGuard<'a> {
    _entered: Entered,
    _runtime: PhantomData<&'a Runtime>,
}

impl EnterGuard<'_> {
    fn new<'a>(context: Rc<Context>) -> EnterGuard<'a> {
        EnterGuard {
            _entered: context::enter(context),
            _runtime: PhantomData,
        }
    }
}

// The drop of the guard is one step that runs no user code.
impl UnwindSafe for EnterGuard<'_> {}
impl RefUnwindSafe for EnterGuard<'_> {}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

/// Makes a runtime, runs a future on it on this thread, and drops the runtime.
///
/// # Panics
///
/// If called inside a runtime, or if the system gives no descriptors for the reactor. To handle
/// that error, use [`Runtime::new`].
///
/// ```
/// assert_eq!(wakeful::block_on(async { 6 * 7 }), 42);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("can't create the runtime: {error}"),
    }
}

//! A runtime: one executor, one reactor and one pool, joined by the run loop.

mod adaptive_spin;
mod block_on;
mod builder;
#[cfg(feature = "faults")]
mod faults;
mod handle;
mod metrics;
mod pace;
mod spawner;
#[cfg(feature = "trace")]
mod trace;
mod turn;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use adaptive_spin::AdaptiveSpin;
pub use builder::Builder;
#[cfg(all(test, any(loom, shuttle)))]
pub(crate) use handle::Stop;
pub use handle::{Handle, RemoteJoinHandle};
pub use metrics::{Metrics, MetricsLevel};
pub use spawner::LocalSpawner;

use crate::blocking::Blocking;
use crate::context::{self, Context, Entered};
use crate::executor::{Executor, spawn_at};
use crate::fs::Files;
use crate::reactor::Reactor;
use crate::task::JoinHandle;

/// A single-threaded runtime. It belongs to the thread that made it.
///
/// Tasks keep their place between two calls of [`block_on`](Self::block_on), but only run inside
/// one, or in a [`turn`](Self::turn) for another event loop.
///
/// # Drop
///
/// The futures of all tasks are dropped, on this thread; handles of tasks that had not ended give a
/// cancelled [`JoinError`](crate::task::JoinError). What those drops spawn is cancelled at once.
/// Wakers and handles that are still held elsewhere stay valid and do nothing. Then the drop waits
/// for running [`spawn_blocking`](crate::spawn_blocking) closures and for [file](crate::fs)
/// operations, see [`shutdown_timeout`](Self::shutdown_timeout).
///
/// That wait blocks the thread. Inside [`block_on`](Self::block_on) of another runtime it blocks that one's loop, for
/// as long as [`blocking_shutdown_timeout`](Builder::blocking_shutdown_timeout) says, 10 seconds by default; after
/// 100 ms it is reported on standard error. Call [`shutdown_background`](Self::shutdown_background) or
/// `shutdown_timeout` there instead.
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
    /// How long the drop waits; gone when the wait is done.
    patience: Option<Duration>,
}

/// After so long a drop that blocks another loop is reported.
const GRACE: Duration = Duration::from_millis(100);

struct Parts {
    /// The four that follow, as the thread finds them.
    context: Rc<Context>,
    executor: Arc<Executor>,
    reactor: Rc<Reactor>,
    blocking: Rc<Blocking>,
    files: Rc<Files>,
    /// Did a step of the loop end asleep, see `turn.rs`?
    asleep_outside: Cell<bool>,
    /// How long to look out for work before a sleep.
    adaptive_spin: Rc<AdaptiveSpin>,
    /// Was it said that the loop waits for another runtime of its thread?
    reported_foreign: Cell<bool>,
    /// How long nothing may happen before it is asked whether anything can, where stalls are detected.
    silence: Cell<Option<Duration>>,
    /// 0: as the clock says.
    event_interval: u32,
}

// A panic of a task ends at its poll, and one of the future of `block_on` leaves the loop between two steps.
// User code runs with nothing borrowed and nothing half done, and what it unwinds through puts back what it has
// set: after a caught panic the tasks, the timers and the reactor are as they would be without it.
impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

impl Parts {
    /// The counts of the executor that the runtime itself holds: here, and in the context.
    const OWN_EXECUTORS: usize = 2;

    /// Is there nothing outside of the loop that a task waits for, except descriptors? Then virtual
    /// time may go on.
    fn is_still(&self) -> bool {
        self.blocking.is_idle() && self.files.is_idle() && !self.executor.is_pending()
    }

    /// Calls `f` with this runtime as the thread's own.
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = context::enter(self.context.clone());
        f()
    }
}

impl Runtime {
    /// A runtime with the defaults of [`Builder`].
    ///
    /// # Errors
    ///
    /// If the system gives no descriptors for the reactor.
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// The same as [`Builder::new`].
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs the loop on this thread until the future is ready, and returns its output.
    ///
    /// The future need not be `Send` or `'static`. Tasks run meanwhile; those that have not ended
    /// when it returns rest until the next call.
    ///
    /// # Panics
    ///
    /// If called inside a runtime on the same thread. A panic of the future passes through; the
    /// tasks and the runtime stay usable.
    ///
    /// If it would wait for ever for another runtime of the same thread, whose loop can't run meanwhile: the future
    /// or a task has polled a [`JoinHandle`], a sleep or a socket of that one, and there is nothing else that could
    /// end the wait, neither in this runtime nor in another thread. Where another thread may, one line
    /// on standard error says what is waited for.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.parts.block_on(future)
    }

    /// Starts a task, as [`wakeful::spawn`](crate::spawn) does inside. It runs in the next
    /// [`block_on`](Self::block_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let location = Location::caller();
        self.enter(|| spawn_at(location, future))
    }

    /// Calls `f` with this runtime as the thread's own, so that it may spawn, arm timers and
    /// register sockets outside of [`block_on`](Self::block_on).
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

    /// Makes this runtime the thread's own until the guard is dropped, as [`enter`](Self::enter) does for the
    /// time of a closure.
    ///
    /// Guards and calls of `enter` nest, and the newest one that has not ended counts. They may end in any
    /// order: each takes itself away, and no other. A guard that is forgotten (`std::mem::forget`) leaves the
    /// thread inside of the runtime, and the runtime's memory and descriptors with it. When that
    /// runtime has been dropped, a spawn on the thread panics with a message that says so.
    ///
    /// A task should not keep a guard over an `.await`: the other tasks of its loop would run inside of
    /// the guard's runtime as well, and what they spawn would go there.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let task = {
    ///     let _guard = runtime.enter_guard();
    ///     wakeful::spawn(async { 1 })
    /// };
    /// assert!(wakeful::Handle::try_current().is_none());
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter_guard(&self) -> EnterGuard<'_> {
        EnterGuard {
            _entered: context::enter(self.parts.context.clone()),
            _runtime: PhantomData,
        }
    }

    /// A handle that other threads may use.
    pub fn handle(&self) -> Handle {
        Handle::new(self.parts.executor.clone())
    }

    /// A nudge by a [`Handle`] is a call of `f` on this thread, with the kinds, a bit for each.
    pub(crate) fn on_raised(&self, f: fn(u8)) {
        self.parts.executor.on_raised(f);
    }

    /// Whoever talks to other threads says here that an answer is likely.
    pub(crate) fn adaptive_spin(&self) -> Rc<AdaptiveSpin> {
        self.parts.adaptive_spin.clone()
    }

    /// What the runtime has done so far.
    pub fn metrics(&self) -> Metrics {
        let Parts {
            executor,
            reactor,
            blocking,
            ..
        } = &self.parts;
        Metrics::new(executor, reactor, &blocking.pool)
    }

    /// Drops the runtime, and waits at most `timeout` for running
    /// [`spawn_blocking`](crate::spawn_blocking) closures, and at most that long between the
    /// completions of [file](crate::fs) operations on a ring. Returns how many threads and operations
    /// are still at work; they end by themselves, and their results are dropped.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> usize {
        self.patience = None;
        self.shut_down(timeout, |_| ())
    }

    /// Drops the runtime without waiting for [`spawn_blocking`](crate::spawn_blocking) closures.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// `report` is called with how many are still at work after `GRACE`, once.
    fn shut_down(&self, timeout: Duration, report: impl FnOnce(usize)) -> usize {
        let Parts {
            executor,
            reactor,
            blocking,
            files,
            ..
        } = &self.parts;
        // User code runs in here: drops of futures, of what they hold, and foreign wakers.
        self.enter(|| {
            executor.cancel_all();
            reactor.shut_down();
        });
        // And none from here on, so that nothing is spawned that nobody would drop.
        executor.release_remaining();
        let in_flight = files.shut_down(timeout);
        let at_work = blocking.pool.shut_down(timeout.min(GRACE));
        if at_work == 0 || timeout <= GRACE {
            return in_flight + at_work;
        }
        report(at_work);
        in_flight + blocking.pool.shut_down(timeout - GRACE)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let Some(patience) = self.patience.take() else {
            return;
        };
        let busy = self.shut_down(patience, |busy| {
            if context::is_running() {
                eprintln!(
                    "wakeful: a runtime is dropped inside `block_on` of another one, whose loop stands still \
                     until {busy} `spawn_blocking` closures have ended, for {patience:?} at most. Use \
                     `Runtime::shutdown_background` or `Runtime::shutdown_timeout` there, or drop the runtime \
                     outside of `block_on`"
                );
            }
        });
        if busy > 0 && !patience.is_zero() {
            eprintln!(
                "wakeful: a runtime was dropped while {busy} `spawn_blocking` closures or file \
                 operations still ran after {patience:?}; they go on by themselves, see `Runtime::shutdown_timeout`"
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

/// Keeps its thread inside of a runtime until it is dropped, see [`Runtime::enter_guard`]. It stays on its
/// thread.
#[must_use = "the thread leaves the runtime when the guard is dropped"]
pub struct EnterGuard<'a> {
    _entered: Entered,
    _runtime: PhantomData<&'a Runtime>,
}

// Its drop is one step that runs no user code.
impl UnwindSafe for EnterGuard<'_> {}
impl RefUnwindSafe for EnterGuard<'_> {}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

/// Runs a future on a runtime made for it, on this thread, and drops the runtime.
///
/// # Panics
///
/// If called inside a runtime, or if the system gives no descriptors for the reactor. For the
/// latter see [`Runtime::new`].
///
/// ```
/// assert_eq!(wakeful::block_on(async { 6 * 7 }), 42);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("can't make a runtime: {error}"),
    }
}

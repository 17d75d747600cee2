//! Blocking pool: runs closures that would block the loop on other threads.

mod detached;
mod error;
mod members;
mod pool;
mod remote;
mod write_errors;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

#[allow(
    unused_imports,
    reason = "for standard streams, and for the completion ring"
)]
pub(crate) use detached::run_detached;
#[allow(unused_imports, reason = "for standard streams")]
pub(crate) use pool::Stream;
pub(crate) use pool::{Config, Duty, Pool};
pub(crate) use remote::RemoteCall;
pub(crate) use write_errors::WriteErrors;

use pool::Job;

use crate::console::Closure;
use crate::context::{self, Part, Place};
use crate::executor::{cancel_current, next_id, spawn_hidden};
use crate::task::attribution::attribute_to;
pub(crate) use crate::task::oneshot::Missing;
use crate::task::oneshot::{Receiver, oneshot};
use crate::task::{Id, JoinHandle, NO_RUNTIME};
use crate::trace::Recorder;

/// The loop's side of a runtime's blocking pool.
pub(crate) struct Blocking {
    pub(crate) pool: Arc<Pool>,
    /// Number of results that tasks wait for. While it is not zero, paused time does not advance.
    awaited: Rc<Cell<usize>>,
    /// Whether an output job may not have ended.
    has_output: Cell<bool>,
    trace: Recorder,
}

// SAFETY: no other type has this `Place`.
unsafe impl Part for Blocking {
    const PLACE: Place = Place::Blocking;
}

impl Blocking {
    pub(crate) fn new(config: Config, trace: Recorder) -> Blocking {
        Blocking {
            pool: Pool::new(config),
            awaited: Rc::default(),
            has_output: Cell::new(false),
            trace,
        }
    }

    /// Returns the pool of this thread's runtime.
    pub(crate) fn current_pool() -> Option<Arc<Pool>> {
        context::with(|blocking: &Blocking| blocking.pool.clone())
    }

    /// Whether no task waits for a result, and no closure of a handle has yet to end.
    pub(crate) fn is_idle(&self) -> bool {
        self.awaited.get() == 0 && !self.pool.has_remote()
    }

    /// Waits until all that was written to standard streams has reached the system.
    #[inline]
    pub(crate) fn finish_output(&self) {
        if self.has_output.replace(false) {
            self.pool.finish_output();
        }
    }

    #[track_caller]
    fn run<F, T>(&self, f: F, location: &'static Location<'static>) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (id, call) = self.begin(f, location)?;
        Ok(spawn_hidden(id, location, deliver(call)))
    }

    /// Runs `f` on the pool. The caller spawns the task that [delivers](deliver) its result, with
    /// the returned id.
    #[track_caller]
    fn begin<F, T>(&self, f: F, location: &'static Location<'static>) -> io::Result<(Id, Call<T>)>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let id = next_id();
        let shown = Closure::new(id.as_u64(), size_of::<F>(), location);
        let call = self.call(Duty::Optional, Some(id), shown, f)?;
        Ok((id, call))
    }

    /// Runs `f` on the pool without a task. The closure sees `id` as the id of its task.
    ///
    /// # Errors
    ///
    /// Returns an error if the system starts no thread and none is running; for output also if the
    /// runtime has ended.
    fn call<F, T>(&self, duty: Duty, id: Option<Id>, shown: Closure, f: F) -> io::Result<Call<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = oneshot();
        let trace = self.trace.submitted(|| self.pool.stats().queued);
        let run = Box::new(move || {
            let running = trace.begin();
            let _attribution = attribute_to(id);
            // A closure whose result was given up before it began never begins.
            if duty != Duty::Optional || !sender.is_abandoned() {
                let work = shown.enter();
                let result = catch_unwind(AssertUnwindSafe(f));
                drop(work);
                running.returned(result.is_err());
                sender.fill(result.map_err(Missing::Panicked));
            }
        });
        self.pool.submit(Job { run, duty })?;
        if matches!(duty, Duty::Output(_)) {
            self.has_output.set(true);
        }
        Ok(Call {
            receiver,
            _awaited: Awaited::new(&self.awaited),
        })
    }
}

/// Counts one awaited result for as long as it lives.
struct Awaited(Rc<Cell<usize>>);

impl Awaited {
    fn new(count: &Rc<Cell<usize>>) -> Awaited {
        count.set(count.get() + 1);
        Awaited(count.clone())
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Future of a closure on the pool, without a task. Dropping it prevents a closure that has not
/// begun from beginning, if it is optional.
pub(crate) struct Call<T> {
    receiver: Receiver<T>,
    _awaited: Awaited,
}

impl<T> Future for Call<T> {
    type Output = Result<T, Missing>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx)
    }
}

/// Runs a closure on the pool of this thread's runtime. Unless it is optional, it runs even if its
/// result is given up or the runtime ends before it begins.
///
/// # Errors
///
/// Returns an error if the system starts no thread and none is running; for output also if the
/// runtime has ended.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub(crate) fn call<F, T>(duty: Duty, f: F) -> io::Result<Call<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    with(|blocking| blocking.call(duty, None, Closure::hidden(), f))
}

/// Future of the task behind the handle: it returns, panics or is cancelled like the closure.
async fn deliver<T>(call: Call<T>) -> T {
    match call.await {
        Ok(output) => output,
        // The panic hook has already run on the other thread, so it does not run again.
        Err(Missing::Panicked(payload)) => resume_unwind(payload),
        Err(Missing::Dropped) => cancel_current().await,
    }
}

/// Runs a blocking closure on a thread of the pool. The returned handle resolves to its result.
///
/// At most [`max_blocking_threads`](crate::Builder::max_blocking_threads) closures run at a time;
/// further ones are queued. A panic of the closure is returned as a
/// [`JoinError`](crate::task::JoinError). Aborting the handle prevents a closure that has not begun
/// from beginning; a running closure can't be stopped, and its result is dropped.
///
/// When the runtime is dropped, closures that have not begun are dropped, and the drop waits for
/// the running ones, for as long as
/// [`blocking_shutdown_timeout`](crate::Builder::blocking_shutdown_timeout) says.
///
/// # Panics
///
/// Outside a runtime, or if the system starts no thread and none is running; for an error instead
/// see [`try_spawn_blocking`](crate::try_spawn_blocking).
///
/// ```
/// let sum = wakeful::block_on(async {
///     wakeful::spawn_blocking(|| (1..=1_000_u64).sum::<u64>()).await.unwrap()
/// });
/// assert_eq!(sum, 500_500);
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let location = Location::caller();
    match with(|blocking| blocking.run(f, location)) {
        Ok(handle) => handle,
        Err(error) => panic!("spawn_blocking: {error}"),
    }
}

/// Runs `f` on the pool, as [`Blocking::begin`] does.
///
/// # Panics
///
/// Outside a runtime, or if the system starts no thread and none is running.
#[track_caller]
fn begin<F, T>(f: F, location: &'static Location<'static>) -> (Id, Call<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match with(|blocking| blocking.begin(f, location)) {
        Ok(begun) => begun,
        Err(error) => panic!("spawn_blocking: {error}"),
    }
}

/// Runs a blocking closure on the pool, as [`spawn_blocking`](crate::spawn_blocking), but returns
/// an error if there is no thread.
///
/// # Errors
///
/// Returns an error if the system starts no thread and none is running. The closure is dropped
/// then.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let answer = wakeful::task::try_spawn_blocking(|| 6 * 7)?;
///     assert_eq!(answer.await.unwrap(), 42);
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn try_spawn_blocking<F, T>(f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let location = Location::caller();
    with(|blocking| blocking.run(f, location))
}

#[track_caller]
fn with<R>(f: impl FnOnce(&Blocking) -> R) -> R {
    match context::with(f) {
        Some(result) => result,
        None => panic!("{NO_RUNTIME}"),
    }
}

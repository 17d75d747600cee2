//! Wakeful as a guest of tokio: a tokio runtime waits, and the loop is one of its tasks.
//!
//! Everything runs on one thread. Wakeful's tasks may hold an `Rc` and call tokio's crates
//! directly: `tokio::spawn`, tokio's timers and sockets, and clients such as `reqwest` are driven
//! by the same thread. Tasks of tokio may call Wakeful, see [below](#tasks-of-tokio).
//!
//! ```
//! use std::cell::Cell;
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! wakeful::tokio_host::block_on(async {
//!     let count = Rc::new(Cell::new(0));
//!     let local = wakeful::spawn({
//!         let count = count.clone();
//!         async move {
//!             // A timer and a task of tokio, inside a task of Wakeful.
//!             tokio::time::sleep(Duration::from_millis(1)).await;
//!             count.set(tokio::spawn(async { 42 }).await.unwrap());
//!         }
//!     });
//!     wakeful::time::sleep(Duration::from_millis(1)).await;
//!     local.await.unwrap();
//!     assert_eq!(count.get(), 42);
//! });
//! ```
//!
//! The attributes do the same: `#[wakeful::main(host = "tokio")]`, `#[wakeful::test(host =
//! "tokio")]`. [`Host`] keeps both runtimes for several calls. In a program that has a tokio
//! runtime, [`drive`] adds Wakeful to it.
//!
//! # Tasks of tokio
//!
//! tokio requires that the futures of its tasks be `Send`, and those of Wakeful's sockets and timers
//! are not. Put them into a [`ThreadBound`](crate::ThreadBound):
//!
//! ```
//! use std::time::Duration;
//! use wakeful::{ThreadBound, time::sleep};
//!
//! wakeful::tokio_host::block_on(async {
//!     let task = tokio::spawn(ThreadBound::new(async {
//!         sleep(Duration::from_millis(1)).await;
//!         "done"
//!     }));
//!     assert_eq!(task.await.unwrap(), "done");
//! });
//! ```
//!
//! # Fairness
//!
//! The loop is one task of tokio. Each of its polls is one turn, of at most about 100 µs. After it,
//! tokio runs its other tasks that are ready and asks its I/O driver for events. So each side waits
//! for the other at most for the tasks that are ready there. tokio gives each of its tasks a budget
//! of 128 operations for a poll, which all tasks of Wakeful share: when it is used up, the turn
//! ends. (An operation on Wakeful's own sockets and timers consumes Wakeful's budget, which each
//! task has for itself.)
//!
//! # What differs from `block_on`
//!
//! - tokio's timers have a resolution of 1 ms, so a timer of Wakeful may fire up to 1 ms later.
//! - The clocks are real: a stopped clock, of Wakeful or of tokio, is reported with a panic.
//! - For hooks, spin and the deadlock detector see [`Runtime::drive`].
//! - A turn costs two waits in the kernel, one of tokio and one of Wakeful.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime;
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use crate::runtime::{Drive, Host as DriveHost, Runtime};

/// How tokio waits for the loop, see [`drive`].
pub struct Waits<'a> {
    fd: AsyncFd<BorrowedFd<'a>>,
    sleep: Pin<Box<Sleep>>,
}

impl DriveHost for Waits<'_> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The descriptor is an edge for tokio. Clearing it before the turn loses none: what happens
        // during the turn is another edge.
        ready!(self.fd.poll_read_ready(cx))?.clear_ready();
        Poll::Ready(Ok(()))
    }

    fn set_timeout(&mut self, timeout: Option<Duration>) {
        // A stopped timer is not polled, so it may fire.
        if let Some(timeout) = timeout {
            self.sleep.as_mut().reset(Instant::now() + timeout);
        }
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }

    fn has_budget(&self) -> bool {
        coop::has_budget_remaining()
    }

    fn yield_now(&mut self, cx: &mut Context<'_>) {
        // tokio wakes what yields after it has asked its driver for events, so a busy guest does
        // not delay the host's I/O.
        let mut yields = std::pin::pin!(tokio::task::yield_now());
        if yields.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl fmt::Debug for Waits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waits").finish_non_exhaustive()
    }
}

/// Returns a future that is the loop of `runtime`, for a task of tokio, see [`Runtime::drive`].
///
/// It is not `Send`: await it in `tokio::runtime::Runtime::block_on`, in `#[tokio::main]`, or in a
/// `LocalSet`. Tasks of tokio that use Wakeful must [enter](Runtime::enter) the runtime;
/// [`Host`] has done so.
///
/// # Errors
///
/// If tokio can't register the runtime's descriptor: `AlreadyExists` if it has done so for
/// another `drive` of this runtime.
///
/// # Panics
///
/// Outside of a tokio runtime, and in one without `enable_io` and `enable_time`. The returned
/// future panics as that of [`Runtime::drive`].
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let wakeful = wakeful::Runtime::new()?;
/// let answer = tokio.block_on(async {
///     let local = async { wakeful::spawn(async { 42 }).await.unwrap() };
///     Ok::<_, std::io::Error>(wakeful::tokio_host::drive(&wakeful, local)?.await)
/// });
/// assert_eq!(answer?, 42);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn drive<'a, F: Future>(
    runtime: &'a Runtime,
    future: F,
) -> io::Result<Drive<'a, Waits<'a>, F>> {
    // SAFETY: the descriptor is open and stays the same while the runtime is borrowed, and the
    // `AsyncFd` has the lifetime of that borrow.
    let fd = unsafe { AsyncFd::register_with_interest(runtime.as_fd(), Interest::READABLE) }?;
    let waits = Waits {
        fd,
        sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
    };
    Ok(runtime.drive(waits, future))
}

/// A Wakeful runtime with a tokio runtime that hosts it, both on this thread.
///
/// # Drop
///
/// First the Wakeful runtime is [shut down](Runtime#drop), inside of tokio's: the drops of its
/// tasks may use tokio. Then the tokio runtime is dropped, which drops its tasks.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let host = wakeful::tokio_host::Host::new()?;
/// let task = host.wakeful().spawn(async { tokio::task::yield_now().await });
/// host.block_on(async { task.await.unwrap() });
/// # Ok(())
/// # }
/// ```
pub struct Host {
    /// `None` only in the drop.
    wakeful: Option<Runtime>,
    tokio: runtime::Runtime,
}

impl Host {
    /// Makes two runtimes: Wakeful's with default settings, and tokio's `current_thread` with I/O
    /// and time.
    ///
    /// # Errors
    ///
    /// If the system gives no descriptors for their reactors.
    pub fn new() -> io::Result<Host> {
        Host::of(Runtime::new()?)
    }

    /// Makes a `current_thread` runtime of tokio, with I/O and time, as the host of a runtime.
    ///
    /// # Errors
    ///
    /// If the system gives no descriptors for its reactor.
    pub fn of(wakeful: Runtime) -> io::Result<Host> {
        let tokio = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Host::with(wakeful, tokio))
    }

    /// Makes a host of two runtimes. That of tokio needs `enable_io` and `enable_time`. If it has
    /// several threads, tokio's tasks run on them, and only Wakeful's tasks on this one.
    ///
    /// `tokio::task::block_in_place` in a task of Wakeful blocks the loop. A `block_on` of tokio in
    /// it must not wait for anything of Wakeful, such as a timer: it would wait forever.
    pub fn with(wakeful: Runtime, tokio: runtime::Runtime) -> Host {
        let wakeful = Some(wakeful);
        Host { wakeful, tokio }
    }

    /// Returns the guest.
    pub fn wakeful(&self) -> &Runtime {
        self.wakeful.as_ref().expect("only the drop takes it")
    }

    /// Returns the host.
    pub fn tokio(&self) -> &runtime::Runtime {
        &self.tokio
    }

    /// Runs both runtimes on this thread until the future is ready, and returns its output. The
    /// future and the tasks of both may use either runtime. Waits for the output to
    /// [standard streams](crate::io#standard-streams), as [`Runtime::block_on`] does.
    ///
    /// # Panics
    ///
    /// Inside of a tokio runtime or a Wakeful loop, and as the future of [`Runtime::drive`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let wakeful = self.wakeful();
        let _finish = wakeful.finish_output_at_end();
        let _tokio = self.tokio.enter();
        let driven = match drive(wakeful, future) {
            Ok(driven) => driven,
            Err(error) => panic!("tokio can't wait for the descriptor of the runtime: {error}"),
        };
        wakeful.enter(|| self.tokio.block_on(driven))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _tokio = self.tokio.enter();
        drop(self.wakeful.take());
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("wakeful", &self.wakeful)
            .field("tokio", &self.tokio)
            .finish()
    }
}

/// Makes a [`Host`], runs a future in it, and drops it.
///
/// # Panics
///
/// As [`Host::block_on`], and if the system gives no descriptors. To handle that error, use
/// [`Host::new`].
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match Host::new() {
        Ok(host) => host.block_on(future),
        Err(error) => panic!("can't create the runtimes: {error}"),
    }
}

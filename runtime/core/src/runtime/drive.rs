//! The loop as a future, which another executor polls.
//!
//! Each poll is one turn (`turn.rs`) with a main future. The [`Host`] supplies what differs between
//! executors: the wait for the descriptor, a timer, and when a turn has to end. A poll that ends
//! with work left lets the host poll again, behind the host's other tasks; the loop does not count
//! as asleep then, so wakes do not notify it.
//!
//! The reactor takes a turn only if the host has reported the descriptor as readable. So a poll for
//! another reason makes no system call.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::block_on::poll_main;
use super::turn::{Turn, Turned};
use super::{Parts, Runtime};
use crate::console;
use crate::context;
use crate::executor::ClassQueue;
use crate::reactor::NextWait;
use crate::task::waker;

/// How much earlier than requested a timer of the host may end.
const TOLERANCE: Duration = Duration::from_millis(10);

/// What [`Runtime::drive`] requires of the executor that polls it: a wait for the runtime's
/// descriptor ([`AsFd`](std::os::fd::AsFd)), and a timer.
///
/// `wakeful::tokio_host` (feature `tokio-host`) implements it for tokio. With `async-io`, whose
/// `Async` and `Timer` work under any executor:
///
/// ```
/// use std::os::fd::{AsFd, BorrowedFd};
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use std::time::Duration;
/// use std::{future::Future, io};
/// use wakeful::Runtime;
/// use wakeful::runtime::Host;
///
/// struct AsyncIo<'a> {
///     fd: async_io::Async<BorrowedFd<'a>>,
///     timer: Option<async_io::Timer>,
/// }
///
/// impl Host for AsyncIo<'_> {
///     fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         self.fd.poll_readable(cx)
///     }
///     fn set_timeout(&mut self, timeout: Option<Duration>) {
///         self.timer = timeout.map(async_io::Timer::after);
///     }
///     fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
///         match &mut self.timer {
///             Some(timer) => Pin::new(timer).poll(cx).map(drop),
///             None => Poll::Pending,
///         }
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// let runtime = Runtime::new()?;
/// let fd = async_io::Async::new_nonblocking(runtime.as_fd())?;
/// let host = AsyncIo { fd, timer: None };
/// let answer = futures_lite::future::block_on(runtime.drive(host, async {
///     wakeful::time::sleep(Duration::from_millis(2)).await;
///     wakeful::spawn(async { 42 }).await.unwrap()
/// }));
/// assert_eq!(answer, 42);
/// # Ok(())
/// # }
/// ```
pub trait Host {
    /// Waits until the runtime's descriptor is readable.
    ///
    /// `Ready` must be returned again only if the descriptor has become readable once more since
    /// the last `Ready`, or still is. It may be returned when it is not readable.
    ///
    /// # Errors
    ///
    /// If the host can't wait for the descriptor any more. [`Drive`] then panics.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Sets the timer to this time from now on, or stops it.
    fn set_timeout(&mut self, timeout: Option<Duration>);

    /// Waits until the time that was set last has passed. Never called while the timer is stopped.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether tasks of the runtime may go on in this poll. Called before each poll of a task; a
    /// turn ends at the latest after about 100 µs.
    fn has_budget(&self) -> bool {
        true
    }

    /// Lets the executor poll again after its other tasks.
    fn yield_now(&mut self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

pin_project! {
    /// The future of [`Runtime::drive`]: it is the loop of the runtime.
    #[must_use = "the loop runs only while this is polled"]
    pub struct Drive<'a, H, F>
    where
        F: Future,
    {
        runtime: &'a Runtime,
        host: H,
        #[pin]
        future: Option<F>,
        location: &'static Location<'static>,
        // Whether this has the loop: from the first poll until the future is ready.
        drives: bool,
        // Whether the reactor may have events that the host does not report.
        left_events: bool,
        // The deadline to which the timer of the host is set.
        deadline: Option<u64>,
        shown: Option<console::Main<'a>>,
    }

    impl<H, F> PinnedDrop for Drive<'_, H, F>
    where
        F: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let parts = &this.runtime.parts;
            end(parts, this.drives, this.shown);
            // The future belongs to the runtime, and so do the sockets and timers in it.
            let mut future = this.future;
            parts.enter(|| future.set(None));
        }
    }
}

/// Gives the loop back.
fn end(parts: &Parts, drives: &mut bool, shown: &mut Option<console::Main<'_>>) {
    if std::mem::take(drives) {
        parts.is_driven.set(false);
    }
    *shown = None;
}

/// Whether the host reports the descriptor as readable.
fn is_readable<H: Host>(host: &mut H, cx: &mut Context<'_>) -> bool {
    match host.poll_readable(cx) {
        Poll::Pending => false,
        Poll::Ready(Ok(())) => true,
        Poll::Ready(Err(error)) => {
            panic!("the host can't wait for the descriptor of the runtime any more: {error}")
        }
    }
}

impl Parts {
    /// Records that the main future of a `Drive` begins.
    fn main_begins(&self, size: usize, location: &'static Location<'static>) -> console::Main<'_> {
        // Dropping the guard ends a poll, and none has begun.
        drop(self.executor.main_begins(location));
        let main = self.main();
        let id = || self.executor.next_id().as_u64();
        let shown = main.console.main_begins(id, size, location);
        main.trace.located(location);
        self.executor.queue_main();
        shown
    }

    /// Runs a turn with a main future, and returns its output if it is ready.
    fn drive_turn<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        host: &impl Host,
        has_events: bool,
    ) -> (Option<F::Output>, Turned) {
        self.check_clock();
        let main = self.main();
        let waker = waker::borrowed::<ClassQueue>(self.executor.main());
        let mut output = None;
        let turn = Turn {
            has_events,
            // So that the host is asked after each poll.
            polls: 1,
            may_go_on: &|| host.has_budget(),
        };
        let watched = self.executor.watched();
        let turned = self.run_turn(&turn, &mut || {
            match poll_main(main, future.as_mut(), &waker) {
                Poll::Ready(ready) => output = Some(ready),
                Poll::Pending => {}
            }
            output.is_some()
        });
        if let Some(watched) = watched {
            watched.end();
        }
        match turned {
            Ok(turned) => (output, turned),
            Err(error) => panic!("the reactor can't wait for events any more: {error}"),
        }
    }

    /// Falls asleep until the host reports the descriptor or its timer. `false`: there is something
    /// to do at once.
    fn sleep_under(
        &self,
        host: &mut impl Host,
        set: &mut Option<u64>,
        cx: &mut Context<'_>,
    ) -> bool {
        if self.files.flush() || self.executor.has_ready() || !self.enter_sleep() {
            return false;
        }
        self.check_clock();
        let left = || match self.reactor.next_wait(&|| false) {
            NextWait::In(timeout) => Some(timeout),
            NextWait::Never | NextWait::Stopped => None,
        };
        let next = left().map(|_| self.reactor.timers().next_deadline());
        if *set != next {
            *set = next;
            host.set_timeout(left());
        }
        if next.is_none() || host.poll_timeout(cx).is_pending() {
            return true;
        }
        *set = None;
        let early = left().unwrap_or_default();
        assert!(
            early <= TOLERANCE,
            "a timer of the host ended {early:?} early: its clock is stopped or fast. Do not stop \
             tokio's clock (`start_paused`, `tokio::time::pause`) while it drives Wakeful"
        );
        false
    }

    /// # Panics
    ///
    /// If the clock of this runtime is stopped.
    fn check_clock(&self) {
        assert!(
            !self.reactor.timers().is_paused(),
            "the clock of a runtime that `Runtime::drive` runs was stopped (`start_paused`, \
             `time::pause`), but that of its host goes on: use `Runtime::block_on`, or \
             `Runtime::turn`, for tests with a stopped clock"
        );
    }
}

impl<H, F: Future> fmt::Debug for Drive<'_, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive")
            .field("has_ended", &self.future.is_none())
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Returns a future that is the loop of this runtime: another executor polls it, on this
    /// thread, and with it the tasks. It is ready once `future` is, which runs like the future of
    /// [`block_on`](Self::block_on).
    ///
    /// Each poll runs one turn, of at most about 100 µs, and then lets the other tasks of the
    /// executor run. What these spawn, wake and time on this runtime makes the runtime's descriptor
    /// readable, for which `host` waits. Code that runs outside of the polls must
    /// [enter](Self::enter) the runtime to use it.
    ///
    /// The hooks [`on_thread_park`](crate::Builder::on_thread_park) and
    /// [`on_thread_unpark`](crate::Builder::on_thread_unpark), the [spin](crate::Builder::spin) and
    /// the [deadlock detector](crate::Builder::detect_deadlocks) belong to the wait of `block_on`:
    /// here the host waits, and they do nothing.
    ///
    /// Cancel safety: if it is dropped, `future` is dropped, and the tasks stay until the runtime
    /// runs again. For an example see [`Host`].
    ///
    /// # Panics
    ///
    /// When polled: inside another Wakeful loop; while another `drive` of this runtime has not
    /// ended; if the clock of the runtime is stopped, as that of the host goes on; if a timer of
    /// the host ends more than 10 ms early, which a stopped clock of tokio does; and if the host
    /// or the reactor reports an error.
    ///
    /// Until it ends, [`block_on`](Self::block_on) and [`turn`](Self::turn) of this runtime panic.
    #[track_caller]
    pub fn drive<H: Host, F: Future>(&self, host: H, future: F) -> Drive<'_, H, F> {
        Drive {
            runtime: self,
            host,
            future: Some(future),
            location: Location::caller(),
            drives: false,
            left_events: true,
            deadline: None,
            shown: None,
        }
    }
}

impl<H: Host, F: Future> Future for Drive<'_, H, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let parts = &this.runtime.parts;
        assert!(
            this.future.is_some(),
            "the future of `Runtime::drive` was polled after it ended"
        );
        let was_readable = is_readable(this.host, cx);
        // After the call of the host, which may have polled another one.
        if !*this.drives {
            parts.check_not_driven("drive");
        }
        let (output, turn) = context::run("drive", &parts.context, || {
            parts.enter(|| {
                if !std::mem::replace(this.drives, true) {
                    parts.is_driven.set(true);
                    *this.shown = Some(parts.main_begins(size_of::<F>(), this.location));
                }
                let has_events = was_readable || *this.left_events;
                let future = this.future.as_mut().as_pin_mut();
                let future = future.expect("it is there until it is ready");
                let (output, turn) = parts.drive_turn(future, this.host, has_events);
                if output.is_some() {
                    // Dropped inside the runtime, as it may own sockets and timers.
                    this.future.set(None);
                }
                (output, turn)
            })
        });
        if let Some(output) = output {
            end(parts, this.drives, this.shown);
            return Poll::Ready(output);
        }
        *this.left_events =
            (was_readable || turn.events > 0) && parts.reactor.may_have_left(turn.events);
        let is_busy = turn.is_busy
            || *this.left_events
            // The wait for the descriptor ended before the turn, so the next one begins here.
            || (was_readable && is_readable(this.host, cx));
        if is_busy || !parts.sleep_under(this.host, this.deadline, cx) {
            // The host polls again: until then, wakes need not notify it.
            parts.leave_sleep();
            this.host.yield_now(cx);
        }
        Poll::Pending
    }
}

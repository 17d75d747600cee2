//! Timers that may be held by any thread.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::executor::spawn_at;
use crate::task::oneshot::{Missing, Receiver, oneshot};
use crate::task::{AbortHandle, coop};
use crate::time::{Elapsed, Instant, sleep_until};

/// Waits until a deadline. The first poll, which must be inside a runtime, starts a task there that has
/// the timer; a sleep that is never polled, or whose time has passed by then, costs nothing.
///
/// # Cancel safety
///
/// Cancel-safe: dropping the future ends the task.
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    deadline: Instant,
    state: State,
}

enum State {
    New,
    Armed(Timer),
    /// The loop that had the timer has ended: it never fires.
    Lost,
}

struct Timer {
    fired: Receiver<()>,
    task: AbortHandle,
}

impl Timer {
    #[track_caller]
    fn start(deadline: Instant) -> Timer {
        let (sender, fired) = oneshot();
        let task = spawn_at(Location::caller(), async move {
            sleep_until(deadline).await;
            sender.fill(Ok(()));
        });
        Timer {
            fired,
            task: task.abort_handle(),
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sleep {
    pub(super) fn until(deadline: Instant) -> Sleep {
        Sleep {
            deadline,
            state: State::New,
        }
    }

    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    #[track_caller]
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::New = self.state {
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            self.state = State::Armed(Timer::start(self.deadline));
        }
        let State::Armed(timer) = &mut self.state else {
            return Poll::Pending;
        };
        match ready!(Pin::new(&mut timer.fired).poll(cx)) {
            Ok(()) => {
                // Polled once more, it finds that the time has passed.
                self.state = State::New;
                Poll::Ready(())
            }
            Err(Missing::Dropped | Missing::Panicked(_)) => {
                self.state = State::Lost;
                Poll::Pending
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let progress = ready!(coop::poll_proceed(cx));
        ready!(self.poll_elapsed(cx));
        progress.made_progress();
        Poll::Ready(())
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Gives a future until a deadline to finish. The future is polled first, so one that is ready at once
    /// starts no timer.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        limit: Sleep,
    }
}

impl<F> Timeout<F> {
    pub(super) fn new(deadline: Instant, future: F) -> Timeout<F> {
        Timeout {
            future,
            limit: Sleep::until(deadline),
        }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Without asking the budget, so a future that has used it up can't put the end of its time off.
        this.limit.poll_elapsed(cx).map(|()| Err(Elapsed::new()))
    }
}

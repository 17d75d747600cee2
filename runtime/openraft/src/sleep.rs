//! Sleeps and timeouts that are `Send`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use openraft_rt::Instant as _;
use pin_project_lite::pin_project;
use tokio::sync::oneshot::{self, Receiver};
use wakeful_core::task::{AbortHandle, coop};
use wakeful_core::time::sleep_until;

use crate::error::Elapsed;
use crate::instant::Instant;

/// Future that waits until a deadline. The first poll, which must be inside a runtime, spawns a
/// task with the timer. A sleep that is never polled, or whose deadline has passed at the first
/// poll, spawns no task.
///
/// # Cancel safety
///
/// Cancel-safe: dropping the future aborts the task.
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    deadline: Instant,
    state: State,
}

enum State {
    New,
    Armed(Timer),
    /// The runtime of the timer has ended, so the timer never fires.
    Lost,
}

struct Timer {
    fired: Receiver<()>,
    task: AbortHandle,
}

impl Timer {
    #[track_caller]
    fn start(deadline: Instant) -> Timer {
        let (sender, fired) = oneshot::channel();
        let task = wakeful_core::group::spawn_background(async move {
            sleep_until(deadline.into()).await;
            // The other half may have been dropped, and then the abort of this task is under way.
            let _ = sender.send(());
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
    pub(crate) fn until(deadline: Instant) -> Sleep {
        Sleep {
            deadline,
            state: State::New,
        }
    }

    /// Returns the deadline.
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
                // Another poll finds that the deadline has passed.
                self.state = State::New;
                Poll::Ready(())
            }
            Err(_) => {
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
    /// Future with a deadline. The inner future is polled first, so one that is ready at once
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
    pub(crate) fn new(deadline: Instant, future: F) -> Timeout<F> {
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
        // Not charged to the budget: otherwise a future that has used it up could delay its
        // timeout.
        this.limit.poll_elapsed(cx).map(|()| Err(Elapsed))
    }
}

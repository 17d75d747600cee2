//! A sleep that is `Send`.
//!
//! It contains a `time::Sleep` in a `ThreadBound`. On the owner thread a poll polls that. On
//! another thread a task on the owner thread waits in its place. A sleep that is dropped on another
//! thread is sent back to its loop.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use wakeful_core::{Handle, RemoteJoinHandle, ThreadBound, time};

pin_project! {
    /// Sleep for hyper. The docs of the module explain how it can be `Send`.
    pub(crate) struct Sleep {
        deadline: Instant,
        #[pin]
        timer: ThreadBound<time::Sleep>,
        runtime: Handle,
        remote: Remote,
        // Whether the deadline was changed and the timer has the old one.
        is_changed: bool,
    }
}

/// State of the wait of another thread.
enum Remote {
    /// No wait.
    Idle,
    /// Waits for a task on the owner thread.
    Waits(RemoteWait),
    /// Stays pending, because the runtime and its clock have ended.
    Forever,
}

/// A task that waits on the owner thread. Dropping this cancels it.
struct RemoteWait(RemoteJoinHandle<()>);

impl Drop for RemoteWait {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Sleep {
    #[track_caller]
    pub(crate) fn new(timer: time::Sleep) -> Sleep {
        Sleep {
            deadline: timer.deadline().into_std(),
            timer: ThreadBound::new(timer),
            runtime: Handle::current(),
            remote: Remote::Idle,
            is_changed: false,
        }
    }

    pub(crate) fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let mut this = self.project();
        *this.deadline = deadline;
        *this.remote = Remote::Idle;
        *this.is_changed = !this.timer.is_accessible();
        if this.timer.is_accessible() {
            this.timer.as_mut().as_pin_mut().reset(deadline.into());
        }
    }

    /// Polls on another thread.
    fn poll_remote(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Remote::Idle = this.remote {
            let deadline = (*this.deadline).into();
            let task = this.runtime.spawn_with(move || time::sleep_until(deadline));
            *this.remote = Remote::Waits(RemoteWait(task));
        }
        let Remote::Waits(RemoteWait(task)) = this.remote else {
            return Poll::Pending;
        };
        match Pin::new(task).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                *this.remote = Remote::Idle;
                Poll::Ready(())
            }
            Poll::Ready(Err(_)) => {
                *this.remote = Remote::Forever;
                Poll::Pending
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.timer.is_accessible() {
            return self.poll_remote(cx);
        }
        let mut this = self.project();
        *this.remote = Remote::Idle;
        if std::mem::take(this.is_changed) {
            let timer = this.timer.as_mut().as_pin_mut();
            timer.reset((*this.deadline).into());
        }
        this.timer.poll(cx)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

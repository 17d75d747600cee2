//! Yielding to other tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Yields to the other tasks: every ready task runs once before the current one continues.
///
/// The task is queued at the back of the run queue. Before it runs again, the loop checks the
/// reactor and the timers, and runs the tasks that they wake. In a series of yields these checks
/// become rarer while they find nothing, down to one in 100 µs, so a yield costs a few nanoseconds
/// and not a system call. After a task has tried a descriptor that was not ready, as by `try_read`,
/// there is a check within 8 yields, so a loop that tries and yields sees the readiness soon.
///
/// # Cancel safety
///
/// Cancel-safe.
///
/// ```
/// wakeful::block_on(async {
///     let task = wakeful::spawn(async { 7 });
///     wakeful::task::yield_now().await;
///     assert!(task.is_finished());
/// });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow(false)
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

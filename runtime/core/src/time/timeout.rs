//! `Timeout`: a future with a time limit.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::instant::Instant;
use super::sleep::Sleep;
use crate::console::Timer;

/// Limits a future to `duration`.
///
/// The future is polled first, so a future that is ready immediately succeeds even with a duration
/// of zero. The future is dropped with the `Timeout`; to continue with it afterwards, pass
/// `&mut future`.
///
/// # Errors
///
/// [`Elapsed`], if the time is up first.
///
/// # Panics
///
/// Outside a runtime. The future panics if it waits after its runtime was dropped.
///
/// # Cancel safety
///
/// As cancel-safe as the future.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::timeout;
///
/// wakeful::block_on(async {
///     let never = std::future::pending::<()>();
///     assert!(timeout(Duration::from_millis(1), never).await.is_err());
///     assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
/// });
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        limit: Sleep::after(Timer::Timeout, duration),
    }
}

/// Limits a future to the time until `deadline`.
///
/// # Errors
///
/// [`Elapsed`], if the time is up first.
///
/// # Panics
///
/// Outside a runtime. The future panics if it waits after its runtime was dropped.
///
/// # Cancel safety
///
/// As cancel-safe as the future.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{Instant, timeout_at};
///
/// wakeful::block_on(async {
///     // Two waits that share one limit.
///     let deadline = Instant::now() + Duration::from_millis(1);
///     assert!(timeout_at(deadline, async {}).await.is_ok());
///     assert!(timeout_at(deadline, std::future::pending::<()>()).await.is_err());
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        limit: Sleep::until(Timer::Timeout, deadline),
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        limit: Sleep,
    }
}

impl<F> Timeout<F> {
    /// Returns a reference to the inner future.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// Returns a mutable reference to the inner future.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Returns the inner future, without the limit.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Without consuming the budget, so a future that has exhausted it can't postpone the
        // timeout.
        this.limit.poll_elapsed(cx).map(|()| Err(Elapsed::new()))
    }
}

/// The error of a future that did not complete within its time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Elapsed {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit was reached")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

//! Cooperative budget: a task whose I/O is always ready yields after a number of operations.
//!
//! The executor gives every poll of a task 128 units. Each ready operation of a Wakeful resource
//! consumes one; when none is left, the next operation wakes its own task and returns `Pending`, so
//! that the others run. Code outside a task has no limit.
//!
//! The `block_on` of another crate inside of a poll, such as `futures_executor::block_on`, polls
//! without returning to the loop, which therefore can't refill the budget. So a poll that has been
//! refused 1,024 times has no limit from then on.

pub(crate) mod budget;
pub(crate) mod time_slice;

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::scope::on_drop;
use budget::{NO_LIMIT, refuse, set_units, units};
use time_slice::should_yield;

/// Whether the current poll has any budget left. If not, it should return soon.
///
/// Always `true` outside a task.
///
/// ```
/// assert!(wakeful::task::coop::has_budget_remaining());
/// ```
#[inline]
pub fn has_budget_remaining() -> bool {
    units() != 0 || !refuse()
}

/// Consumes one unit of the budget, or wakes the task and returns `Pending` if none is left.
///
/// The unit is returned when the guard is dropped, unless
/// [`made_progress`](RestoreOnPending::made_progress) was called: an operation that turns out
/// to be pending costs nothing.
///
/// ```
/// use std::{future::poll_fn, task::ready};
/// use wakeful::task::coop;
///
/// /// An operation that is always ready.
/// async fn roll() -> u32 {
///     poll_fn(|cx| {
///         ready!(coop::poll_proceed(cx)).made_progress();
///         std::task::Poll::Ready(4)
///     })
///     .await
/// }
/// assert_eq!(wakeful::block_on(roll()), 4);
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    match units() {
        NO_LIMIT => Poll::Ready(RestoreOnPending(NO_LIMIT)),
        0 if refuse() => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        0 => Poll::Ready(RestoreOnPending(NO_LIMIT)),
        left => {
            set_units(left - 1);
            Poll::Ready(RestoreOnPending(left))
        }
    }
}

/// Consumes one unit of the budget for an operation that is ready. `false`: none is left, and
/// [`poll_proceed`] has to decide.
#[inline(always)]
pub(crate) fn consume() -> bool {
    match units() {
        NO_LIMIT => true,
        0 => false,
        left => {
            set_units(left - 1);
            true
        }
    }
}

/// Guard that returns the unit consumed by [`poll_proceed`] when it is dropped, unless progress was
/// made.
#[derive(Debug)]
#[must_use = "dropping the guard at once returns the unit"]
pub struct RestoreOnPending(u8);

impl RestoreOnPending {
    /// Consumes the unit for good, as the operation has completed.
    #[inline]
    pub fn made_progress(mut self) {
        self.0 = NO_LIMIT;
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        // A guard that was moved out of its poll must not set a limit where there is none.
        if self.0 != NO_LIMIT && units() != NO_LIMIT {
            set_units(self.0);
        }
    }
}

/// Consumes one unit of the budget. Yields to other tasks first if none is left, or if
/// [`should_yield`] is true.
///
/// Call it in a long loop that never waits for anything.
///
/// # Cancel safety
///
/// Cancel-safe: dropping it loses at most one unit.
///
/// ```
/// wakeful::block_on(async {
///     for _ in 0..1_000 {
///         wakeful::task::coop::consume_budget().await;
///     }
/// });
/// ```
pub async fn consume_budget() {
    let mut was_asked = false;
    poll_fn(|cx| {
        // Yield at most once per call: an urgent task may stay ready, and this task has already
        // yielded to it.
        if !mem::replace(&mut was_asked, true) && should_yield() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        poll_proceed(cx).map(RestoreOnPending::made_progress)
    })
    .await;
}

pin_project! {
    /// The future of [`cooperative`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Cooperative<F> {
        #[pin]
        inner: F,
    }
}

/// Returns a future that consumes one unit of the budget when it is ready, as sockets and sleeps
/// do.
///
/// Channels and locks of other crates consume none, so a loop over a channel that is always ready
/// starves the other tasks. With this function around each receive, the loop yields.
///
/// # Cancel safety
///
/// As that of the future. While there is no budget, the future is not polled.
///
/// ```
/// use std::time::Duration;
/// use wakeful::task::coop::cooperative;
/// use wakeful::time::timeout;
///
/// wakeful::block_on(async {
///     let busy = async {
///         loop {
///             cooperative(std::future::ready(())).await;
///         }
///     };
///     assert!(timeout(Duration::from_millis(1), busy).await.is_err());
/// });
/// ```
pub fn cooperative<F>(inner: F) -> Cooperative<F> {
    Cooperative { inner }
}

impl<F: Future> Future for Cooperative<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let progress = ready!(poll_proceed(cx));
        let output = ready!(self.project().inner.poll(cx));
        progress.made_progress();
        Poll::Ready(output)
    }
}

pin_project! {
    /// The future of [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

/// Returns a future that runs without a budget: it may complete any number of operations in one
/// poll.
///
/// The other tasks wait meanwhile; use it only for work that is known to be short.
///
/// ```
/// wakeful::block_on(wakeful::task::coop::unconstrained(async { 7 }));
/// ```
pub fn unconstrained<F>(inner: F) -> Unconstrained<F> {
    Unconstrained { inner }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let before = units();
        let _restore = on_drop(|| set_units(before));
        set_units(NO_LIMIT);
        self.project().inner.poll(cx)
    }
}

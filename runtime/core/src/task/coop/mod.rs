//! Cooperative budget: a task whose I/O is always ready gives way after a number of operations.
//!
//! The executor hands every poll of a task 128 units. Each ready operation of a Wakeful
//! resource takes one; when none is left the next operation wakes its own task and returns
//! `Pending`, so that the others run. Code outside a task has no limit.
//!
//! Another crate's `block_on` inside of a poll (`futures_executor::block_on`, for one) polls again and again
//! without returning to the loop, which therefore can't hand out a new budget. So a poll that has been refused
//! 1,024 times has no limit from then on.

pub(crate) mod budget;
pub(crate) mod time_slice;

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use budget::{NO_LIMIT, refuse, set_units, units};
use time_slice::should_yield;

/// Returns `false` when the current poll has used up its budget and should return soon.
///
/// Outside a task it is always `true`.
///
/// ```
/// assert!(wakeful::task::coop::has_budget_remaining());
/// ```
#[inline]
pub fn has_budget_remaining() -> bool {
    units() != 0 || !refuse()
}

/// Takes one unit of the budget, or wakes the task and returns `Pending` if none is left.
///
/// The unit is given back when the returned guard is dropped, unless
/// [`made_progress`](RestoreOnPending::made_progress) was called: an operation that turns out
/// to be pending costs nothing.
///
/// ```
/// use std::{future::poll_fn, task::ready};
/// use wakeful::task::coop;
///
/// /// Something that is always ready.
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

/// Gives the unit taken by [`poll_proceed`] back when dropped, unless progress was made.
#[derive(Debug)]
#[must_use = "dropping the guard at once gives the unit back"]
pub struct RestoreOnPending(u8);

impl RestoreOnPending {
    /// Keeps the unit: the operation completed.
    #[inline]
    pub fn made_progress(mut self) {
        self.0 = NO_LIMIT;
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        // A guard that was carried out of its poll must not limit what has no limit.
        if self.0 != NO_LIMIT && units() != NO_LIMIT {
            set_units(self.0);
        }
    }
}

/// Takes one unit of the budget, and gives way to other tasks first if none is left, or if
/// [`should_yield`] says so.
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
        // Once a call: whoever may not wait can be ready at each poll, and this one has had its turn then.
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

/// Makes a future take one unit of the budget when it is ready, as sockets and sleeps do.
///
/// Channels and locks of other crates take none: a loop over one that is always ready never lets others
/// run. Waiting for it through this, it does.
///
/// # Cancel safety
///
/// That of the future. One whose turn has not come has not been polled.
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

/// Runs a future without a budget: it may complete any number of operations in one poll.
///
/// The others on the loop wait for as long as it goes on; use it only for work known to be short.
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
        struct Restore(u8);
        impl Drop for Restore {
            fn drop(&mut self) {
                set_units(self.0);
            }
        }
        let _restore = Restore(units());
        set_units(NO_LIMIT);
        self.project().inner.poll(cx)
    }
}

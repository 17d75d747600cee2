//! What the expansions of `select!`, `join!` and `try_join!` call. Not a public interface.
//!
//! An expansion stores its futures in a chain of [`Pair`]s, and polls them in place through
//! projections. So the code that it adds to another crate has no `unsafe`, and works under
//! `forbid(unsafe_code)`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::executor::random_below;
use crate::task::coop;

pin_project! {
    /// A future, and the rest of the chain: another pair, or `()`.
    #[derive(Debug)]
    pub struct Pair<F, R> {
        #[pin]
        future: F,
        #[pin]
        rest: R,
    }
}

impl<F, R> Pair<F, R> {
    #[inline]
    pub fn new(future: F, rest: R) -> Pair<F, R> {
        Pair { future, rest }
    }

    #[inline]
    pub fn split(self: Pin<&mut Self>) -> (Pin<&mut F>, Pin<&mut R>) {
        let this = self.project();
        (this.future, this.rest)
    }
}

/// Wakes the task and returns `Pending` if no budget is left: a poll could then only make progress
/// in the futures that consume no budget.
#[inline]
pub fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    if coop::has_budget_remaining() {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Returns the number of the branch that `select!` polls first.
#[inline]
pub fn first_branch(branches: u32) -> u32 {
    random_below(branches)
}

/// Panics, as all branches of a `select!` without `else` are disabled.
#[cold]
#[track_caller]
pub fn all_disabled() -> ! {
    panic!(
        "all branches of `select!` are disabled, and it has no `else` branch: preconditions were \
         false, or outputs did not match their patterns. Add `else => ..`"
    );
}

/// The arm of a `match` that never runs, because its guard is false.
#[cold]
pub fn never_matched() -> ! {
    unreachable!("the guard is false");
}

pin_project! {
    /// A branch of `join!` or `try_join!`. Unlike that of `futures-util`, the type has no bounds:
    /// each would cause one more compile error for a branch that is not a future.
    #[derive(Debug)]
    #[project = MaybeDoneProjection]
    #[project_replace = MaybeDoneTaken]
    pub enum MaybeDone<F, T> {
        Pending { #[pin] future: F },
        Done { output: T },
        Taken,
    }
}

#[inline]
pub fn maybe_done<F, T>(future: F) -> MaybeDone<F, T> {
    MaybeDone::Pending { future }
}

/// Polls a branch of `join!`, unless it is ready.
#[inline]
pub fn poll<F: Future>(
    mut branch: Pin<&mut MaybeDone<F, F::Output>>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if let MaybeDoneProjection::Pending { future } = branch.as_mut().project() {
        let output = ready!(future.poll(cx));
        branch.set(MaybeDone::Done { output });
    }
    Poll::Ready(())
}

/// Takes the output of a branch that is ready.
#[inline]
pub fn take_output<F, T>(branch: Pin<&mut MaybeDone<F, T>>) -> T {
    match branch.project_replace(MaybeDone::Taken) {
        MaybeDoneTaken::Done { output } => output,
        MaybeDoneTaken::Pending { .. } | MaybeDoneTaken::Taken => {
            unreachable!("all branches are ready, and each output is taken once")
        }
    }
}

/// Polls a branch of `try_join!`, unless it is ready. Returns the result of the macro if the branch
/// has failed.
///
/// The expansion never names the error: if its type is uninhabited, the compiler would report
/// unreachable code in the caller.
#[inline]
pub fn poll_try<F, T, E, R>(
    mut branch: Pin<&mut MaybeDone<F, Result<T, E>>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<R, E>>>
where
    F: Future<Output = Result<T, E>>,
{
    ready!(poll(branch.as_mut(), cx));
    match branch.as_mut().project() {
        MaybeDoneProjection::Done { output: Err(_) } => {
            Poll::Ready(take_output(branch).err().map(Err))
        }
        _ => Poll::Ready(None),
    }
}

/// Takes the value of a branch of `try_join!` that is ready and has not failed.
#[inline]
pub fn take_value<F, T, E>(branch: Pin<&mut MaybeDone<F, Result<T, E>>>) -> T {
    let value = take_output(branch).ok();
    value.expect("an error has ended the whole")
}

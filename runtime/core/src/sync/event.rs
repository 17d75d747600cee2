//! Event of a primitive: its tasks wait until a condition holds, and are woken together when it may
//! have changed.
//!
//! The condition belongs to the primitive. It is tested by the waiting task, so a wake that comes
//! too early does no harm, and a waiter that is dropped has nothing to pass on.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::label::{Kind, Label};
use super::wait_list::{HasWaiters, Owner, Place, WaitList, Waiter};
use crate::task::coop;
use crate::unwind::catch_panic;

/// Tasks that wait until a condition of the primitive holds.
#[derive(Debug)]
pub(crate) struct Event {
    /// The value of a waiter is the round in which it was queued.
    waiters: WaitList<u64>,
    /// Number of calls of `wake_all`.
    rounds: Cell<u64>,
    label: Label,
}

// SAFETY: the list is a field.
unsafe impl HasWaiters for Event {
    type Value = u64;

    #[inline]
    fn waiters(&self) -> &WaitList<u64> {
        &self.waiters
    }

    #[inline]
    fn label(&self) -> &Label {
        &self.label
    }
}

impl Event {
    #[track_caller]
    pub(crate) const fn new(kind: Kind) -> Event {
        Event {
            waiters: WaitList::new(),
            rounds: Cell::new(0),
            label: Label::new(kind),
        }
    }

    /// Whether no task waits.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Wakes all tasks that wait now, in the order in which they began to wait. Runs user code.
    #[inline]
    pub(crate) fn wake_all(&self) {
        if !self.is_idle() {
            self.wake_round();
        }
    }

    fn wake_round(&self) {
        let round = self.rounds.get() + 1;
        self.rounds.set(round);
        // A wake may run user code that adds waiters. They belong to this round and stay.
        while self.waiters.front().is_some_and(|queued| queued < round) {
            if let Some(popped) = self.waiters.pop_front(round) {
                popped.wake(&self.label);
            }
        }
    }

    /// Returns a future that is ready with what `attempt` returns, once it returns something.
    ///
    /// `attempt` runs no user code. The future consumes the cooperative budget.
    #[inline]
    pub(crate) fn until<R, F>(&self, attempt: F) -> Until<'_, F>
    where
        F: FnMut() -> Option<R>,
    {
        Until {
            wait: EventWait::new(self),
            attempt,
        }
    }
}

pin_project! {
    /// Waiter of an [`Event`].
    #[derive(Debug)]
    pub(crate) struct EventWait<P>
    where
        P: Owner<Target = Event>,
    {
        #[pin]
        waiter: Waiter<P>,
    }
}

impl<P> EventWait<P>
where
    P: Owner<Target = Event>,
{
    #[inline]
    pub(crate) fn new(event: P) -> EventWait<P> {
        EventWait {
            waiter: Waiter::new(event, 0),
        }
    }

    /// Returns the pointer to the event.
    #[inline]
    pub(crate) fn owner(&self) -> &P {
        self.waiter.owner()
    }

    /// Returns what `attempt` returns. If it returns nothing, waits for the event.
    ///
    /// `attempt` may be called twice, gets the pointer to the event, and runs no user code. The
    /// poll consumes the cooperative budget.
    #[inline]
    pub(crate) fn poll<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&P) -> Option<R>,
    ) -> Poll<R> {
        let progress = ready!(coop::poll_proceed(cx));
        let mut waiter = self.project().waiter;
        let result = ready!(waiter.as_mut().poll(cx, |waiter| {
            let result = attempt(waiter.owner());
            if result.is_none() && waiter.place() != Place::Queued {
                waiter.set_value(waiter.owner().rounds.get());
            }
            result
        }));
        progress.made_progress();
        if let (_, Some(waker)) = waiter.remove() {
            // A panic would lose the result.
            catch_panic(|| drop(waker));
        }
        Poll::Ready(result)
    }
}

pin_project! {
    /// Future of [`Event::until`].
    pub(crate) struct Until<'a, F> {
        #[pin]
        wait: EventWait<&'a Event>,
        attempt: F,
    }
}

impl<R, F> Future for Until<'_, F>
where
    F: FnMut() -> Option<R>,
{
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        let attempt = this.attempt;
        this.wait.poll(cx, |_| attempt())
    }
}

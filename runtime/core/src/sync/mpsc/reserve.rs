//! The future that reserves places of a channel.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::super::wait_list::{Owner, Place, Waiter};
use super::chan::Chan;
use super::error::{SendError, TrySendError};
use super::state::State;
use crate::task::coop;

/// Counted pointer to the state of a channel.
pub(super) struct Shared<T>(pub(super) Rc<Chan<T>>);

impl<T> Deref for Shared<T> {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        &self.0.state
    }
}

// SAFETY: the pointer holds a count, and an allocation does not move. The state is a part of it.
unsafe impl<T> Owner for Shared<T> {}

pin_project! {
    /// Future that reserves places. They belong to the caller once it is ready, and then it may be
    /// polled anew.
    ///
    /// The value of the waiter is 0 while the future has got places that it has not returned.
    pub(super) struct Reserve<P>
    where
        P: Owner<Target = State>,
    {
        #[pin]
        waiter: Waiter<P>,
        places: usize,
    }

    impl<P> PinnedDrop for Reserve<P>
    where
        P: Owner<Target = State>,
    {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            this.leave();
        }
    }
}

impl<P> Reserve<P>
where
    P: Owner<Target = State>,
{
    #[inline]
    pub(super) fn new(state: P, places: usize) -> Reserve<P> {
        Reserve {
            waiter: Waiter::new(state, places),
            places,
        }
    }

    /// Stops to wait. Places that the future has got go to the next waiters.
    #[inline]
    pub(super) fn leave(self: Pin<&mut Self>) {
        let mut this = self.project();
        let granted = this.waiter.value() == 0;
        if this.waiter.place() == Place::Outside && !granted {
            return;
        }
        // Dropped last, as that may run user code.
        let (_, _waker) = this.waiter.as_mut().remove();
        this.waiter.set_value(*this.places);
        let state = &**this.waiter.owner();
        match granted {
            true => state.give_back(*this.places),
            // The waiters behind it may need fewer places.
            false => state.grant(),
        }
    }

    /// Waits, as the places are not free.
    #[inline(never)]
    fn wait(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        let this = self.as_mut().project();
        let places = *this.places;
        let result = ready!(this.waiter.poll(cx, |waiter| {
            let state = &**waiter.owner();
            if state.is_closed() {
                return Some(Err(SendError(())));
            }
            match waiter.place() {
                Place::Queued => None,
                Place::Popped => Some(Ok(())),
                Place::Outside if waiter.value() == 0 => Some(Ok(())),
                Place::Outside => {
                    state.reserve(places).ok()?;
                    // If a waker panics after this, the drop of the future gives them back.
                    waiter.set_value(0);
                    Some(Ok(()))
                }
            }
        }));
        if result.is_err() {
            self.leave();
            return Poll::Ready(result);
        }
        let mut this = self.project();
        this.waiter.set_value(places);
        let (_, waker) = this.waiter.as_mut().remove();
        debug_assert!(waker.is_none(), "it was taken when the places were given");
        Poll::Ready(result)
    }
}

impl<P> Future for Reserve<P>
where
    P: Owner<Target = State>,
{
    type Output = Result<(), SendError<()>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<()>>> {
        let progress = ready!(coop::poll_proceed(cx));
        let result = if self.waiter.place() == Place::Outside && self.waiter.value() != 0 {
            match self.waiter.owner().reserve(self.places) {
                Ok(()) => Ok(()),
                Err(TrySendError::Closed(())) => Err(SendError(())),
                Err(TrySendError::Full(())) => ready!(self.wait(cx)),
            }
        } else {
            ready!(self.wait(cx))
        };
        progress.made_progress();
        Poll::Ready(result)
    }
}

//! Pointer of the receiver to its channel, and its futures.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::super::wait_list::HasWaiters;
use super::chan::Chan;
use super::error::TryRecvError;
use crate::task::coop;

/// Pointer of the only receiver of a channel. Its drop drops all messages.
pub(super) struct Rx<T> {
    chan: Rc<Chan<T>>,
    /// Whether the end has been returned.
    ended: bool,
}

impl<T> Rx<T> {
    #[inline]
    pub(super) fn new(chan: Rc<Chan<T>>) -> Rx<T> {
        let ended = false;
        Rx { chan, ended }
    }

    #[inline]
    pub(super) fn chan(&self) -> &Chan<T> {
        &self.chan
    }

    /// Whether the end has been returned.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    #[inline]
    pub(super) fn recv(&mut self) -> Recv<'_, T> {
        Recv { rx: self }
    }

    #[inline]
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.chan.len() > 0 && coop::try_consume() {
            self.chan.state.receiver_served();
            return Poll::Ready(self.chan.pop());
        }
        self.poll_recv_slow(cx)
    }

    /// Receives a message when there may be none, or no budget.
    #[inline(never)]
    fn poll_recv_slow(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(self.poll_ready(cx));
        let value = self.chan.pop();
        self.ended = value.is_none();
        Poll::Ready(value)
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        ready!(self.poll_ready(cx));
        let count = self.chan.pop_many(buffer, limit);
        self.ended = count == 0;
        Poll::Ready(count)
    }

    /// Waits until there is a message, or none can come any more, and consumes the budget then.
    ///
    /// Takes no message: the drop of a waker in here may panic, and would lose it.
    #[inline]
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.chan.is_ready() {
            let state = &self.chan.state;
            let is_ready = || self.chan.is_ready().then_some(());
            // SAFETY: the slot is a part of an allocation, which does not move, and is dropped with
            // it.
            ready!(unsafe { state.receiver().wait(cx, state.label(), is_ready, || ()) });
        } else {
            self.chan.state.receiver_served();
        }
        ready!(coop::poll_proceed(cx)).made_progress();
        Poll::Ready(())
    }

    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.chan.pop() {
            Some(value) => Ok(value),
            None if self.chan.state.is_finished() => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    pub(super) fn close(&mut self) {
        self.chan.state.close();
    }

    /// Whether the channel is closed, or all senders are dropped.
    pub(super) fn is_closed(&self) -> bool {
        self.chan.state.is_closed() || self.chan.state.senders() == 0
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        self.chan.end();
    }
}

/// Future that receives one message.
#[must_use = "futures do nothing unless polled"]
pub(super) struct Recv<'a, T> {
    rx: &'a mut Rx<T>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }
}

//! Receiving side of a mesh.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::shard::id::ShardId;
use crate::shard::mesh::shared::MeshShared;
use crate::task::coop;

/// Receives messages from all shards of a [`Mesh`](crate::shard::Mesh).
///
/// The messages of one sender arrive in the order in which they were sent. Senders take turns.
///
/// It is a [`Stream`] as well. When it is dropped, messages that were not received are dropped, and
/// sending to it fails.
pub struct MeshReceiver<T> {
    to: usize,
    shared: Arc<MeshShared<T>>,
    /// The sender whose turn is next.
    next: usize,
    /// It belongs to the thread that it has joined on.
    not_send: PhantomData<Rc<()>>,
}

/// Error of [`MeshReceiver::try_recv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is no message now.
    Empty,
    /// There is no message now or later: all senders are gone.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "there is no message now",
            TryRecvError::Closed => "there is no message, and all senders are gone",
        })
    }
}

impl std::error::Error for TryRecvError {}

impl<T> MeshReceiver<T> {
    pub(super) fn new(to: usize, shared: Arc<MeshShared<T>>) -> MeshReceiver<T> {
        MeshReceiver {
            to,
            shared,
            next: 0,
            not_send: PhantomData,
        }
    }

    /// Receives the next message, with the shard that sent it. Returns `None` when all senders are
    /// gone or closed and all that they sent has been received.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no message is lost.
    pub async fn recv(&mut self) -> Option<(ShardId, T)> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<(ShardId, T)>> {
        self.poll_take(cx, Self::take)
    }

    /// Appends the messages that have arrived to `messages`, at most `limit`; waits if there is
    /// none. Returns their number, which is 0 when there will be no more, or if `limit` is 0.
    ///
    /// Costs less than n calls of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no message is lost.
    ///
    /// ```
    /// use wakeful::shard::Mesh;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = Mesh::new(1, 8).join_as(0);
    ///     for n in 0..5 {
    ///         sender.send(0, n).await.unwrap();
    ///     }
    ///     let mut messages = Vec::new();
    ///     assert_eq!(receiver.recv_many(&mut messages, 64).await, 5);
    /// });
    /// ```
    pub async fn recv_many(&mut self, messages: &mut Vec<(ShardId, T)>, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        let took = poll_fn(|cx| self.poll_take(cx, |this| this.take_many(messages, limit))).await;
        took.unwrap_or(0)
    }

    /// Receives the next message without waiting.
    ///
    /// # Errors
    ///
    /// If there is no message. The error says whether there can be one later.
    pub fn try_recv(&mut self) -> Result<(ShardId, T), TryRecvError> {
        let closed = self.is_closed();
        self.take().ok_or(if closed {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }

    /// Whether all senders have closed. What they sent may still be in the queues.
    fn is_closed(&self) -> bool {
        let mut senders = 0..self.shared.shards;
        senders.all(|from| self.shared.queue(from, self.to).is_sender_closed())
    }

    #[inline]
    fn poll_take<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Self) -> Option<R>,
    ) -> Poll<Option<R>> {
        let progress = ready!(coop::poll_proceed(cx));
        let mut took = take(self);
        if took.is_none() {
            self.shared.arrived(self.to).prepare_wait(cx.waker());
            let closed = self.is_closed();
            took = take(self);
            if took.is_none() && !closed {
                return Poll::Pending;
            }
            self.shared.arrived(self.to).cancel_wait();
        }
        progress.made_progress();
        Poll::Ready(took)
    }

    /// Takes the next message. Registers no waker: for a task that is notified in another way.
    #[inline]
    pub(in crate::shard) fn take(&mut self) -> Option<(ShardId, T)> {
        for _ in 0..self.shared.shards {
            let from = self.next_sender();
            let queue = self.shared.queue(from, self.to);
            if let Some(message) = queue.pop() {
                queue.notify_sender();
                return Some((ShardId::from(from), message));
            }
        }
        None
    }

    fn take_many(&mut self, messages: &mut Vec<(ShardId, T)>, limit: usize) -> Option<usize> {
        let mut left = limit;
        for _ in 0..self.shared.shards {
            if left == 0 {
                break;
            }
            let from = self.next_sender();
            let queue = self.shared.queue(from, self.to);
            let before = left;
            while left > 0
                && let Some(message) = queue.pop()
            {
                messages.push((ShardId::from(from), message));
                left -= 1;
            }
            if left < before {
                queue.notify_sender();
            }
        }
        (left < limit).then_some(limit - left)
    }

    #[inline]
    fn next_sender(&mut self) -> usize {
        let turn = self.next;
        self.next = if turn + 1 == self.shared.shards {
            0
        } else {
            turn + 1
        };
        turn
    }
}

impl<T> Stream for MeshReceiver<T> {
    type Item = (ShardId, T);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<(ShardId, T)>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<T> Drop for MeshReceiver<T> {
    fn drop(&mut self) {
        self.shared.close_receiver(self.to);
    }
}

impl<T> fmt::Debug for MeshReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshReceiver")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

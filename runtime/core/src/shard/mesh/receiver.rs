//! The end of a mesh that takes messages.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::shard::ShardId;
use crate::shard::mesh::Shared;
use crate::task::coop;

/// Takes the messages of all shards of a [`Mesh`](crate::shard::Mesh), of each in their order, and of the
/// shards in turn.
///
/// It is a [`Stream`] as well. When it is dropped, what has not been received is dropped, and sending
/// to it fails.
pub struct MeshReceiver<T> {
    to: usize,
    shared: Arc<Shared<T>>,
    /// Whose turn it is.
    next: usize,
    /// Its waker's home is its thread.
    not_send: PhantomData<Rc<()>>,
}

/// Why [`MeshReceiver::try_recv`] has nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is no message now.
    Empty,
    /// There is none, and there will be none: all senders are gone.
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
    pub(in crate::shard) fn new(to: usize, shared: Arc<Shared<T>>) -> MeshReceiver<T> {
        MeshReceiver {
            to,
            shared,
            next: 0,
            not_send: PhantomData,
        }
    }

    /// The next message, and who sent it; `None` when all senders are gone or closed and everything
    /// they sent has been received.
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

    /// Takes in the messages that are there, `limit` at most, and adds them to `messages`; waits if
    /// there is none. Returns how many; 0 when there will be no more, or if `limit` is 0.
    ///
    /// It costs less than as many calls of [`recv`](Self::recv).
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

    /// The next message, if there is one.
    ///
    /// # Errors
    ///
    /// If there is none, and whether there can be one yet.
    pub fn try_recv(&mut self) -> Result<(ShardId, T), TryRecvError> {
        let over = self.is_over();
        self.take().ok_or(if over {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }

    /// Have all senders gone? What they sent may still be there.
    fn is_over(&self) -> bool {
        (0..self.shared.shards).all(|from| self.shared.link(from, self.to).is_over())
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
            self.shared.arrived(self.to).arm(cx.waker());
            let over = self.is_over();
            took = take(self);
            if took.is_none() && !over {
                return Poll::Pending;
            }
            self.shared.arrived(self.to).disarm();
        }
        progress.made_progress();
        Poll::Ready(took)
    }

    /// The next message, for one that is told of them without the bell.
    #[inline]
    pub(in crate::shard) fn take(&mut self) -> Option<(ShardId, T)> {
        for _ in 0..self.shared.shards {
            let from = self.turn();
            let link = self.shared.link(from, self.to);
            if let Some(message) = link.pop() {
                link.made_room();
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
            let from = self.turn();
            let link = self.shared.link(from, self.to);
            let before = left;
            while left > 0
                && let Some(message) = link.pop()
            {
                messages.push((ShardId::from(from), message));
                left -= 1;
            }
            if left < before {
                link.made_room();
            }
        }
        (left < limit).then_some(limit - left)
    }

    #[inline]
    fn turn(&mut self) -> usize {
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
        self.shared.receiver_goes(self.to);
    }
}

impl<T> fmt::Debug for MeshReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshReceiver")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

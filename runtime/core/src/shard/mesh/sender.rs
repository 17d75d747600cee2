//! Sending side of a mesh.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::shard::id::ShardId;
use crate::shard::mesh::queue::PushError;
use crate::shard::mesh::shared::MeshShared;
use crate::shard::mesh::wait_list::{WaitList, WaitListEntry};

/// Sends messages to the shards of a [`Mesh`](crate::shard::Mesh).
///
/// Clones are for tasks of the same shard. When the last one is dropped, each receiver is notified,
/// and sees the end after it has received what was sent.
pub struct MeshSender<T>(Rc<Inner<T>>);

struct Inner<T> {
    from: ShardId,
    shared: Arc<MeshShared<T>>,
    /// For each receiver, the tasks that wait for space.
    waiters: Box<[WaitList]>,
    closed: Cell<bool>,
}

/// Error of [`MeshSender::send`]: the receiver is gone, or the sender was closed. Has the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Error of [`MeshSender::try_send`]. Has the message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// The queue is full now, or other tasks wait for space in it.
    Full(T),
    /// The receiver is gone, or the sender was closed.
    Closed(T),
}

impl<T> MeshSender<T> {
    pub(super) fn new(from: ShardId, shared: Arc<MeshShared<T>>) -> MeshSender<T> {
        MeshSender(Rc::new(Inner {
            from,
            waiters: (0..shared.shards).map(|_| WaitList::default()).collect(),
            shared,
            closed: Cell::new(false),
        }))
    }

    /// Sends a message, after waiting for space in the queue.
    ///
    /// Waiting tasks get space in the order in which they came. So a future whose turn has come,
    /// and which is kept without being polled, holds up the tasks behind it.
    ///
    /// A message that was sent may still be dropped unreceived, if its receiver is dropped first.
    ///
    /// # Errors
    ///
    /// If the receiver is gone or this sender was closed. The error has the message.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing, and drops the message. To keep
    /// the message, wait with [`ready`](Self::ready) and send with [`try_send`](Self::try_send).
    pub async fn send(&self, to: impl Into<ShardId>, message: T) -> Result<(), SendError<T>> {
        let to = to.into().among(self.0.shared.shards);
        let mut entry = WaitListEntry::new(&self.0.waiters[to]);
        let mut message = Some(message);
        poll_fn(|cx| {
            let progress = ready!(entry.poll_proceed(cx));
            let sent = ready!(self.0.poll_send(to, &mut entry, &mut message, cx));
            entry.take_permit();
            progress.made_progress();
            Poll::Ready(sent)
        })
        .await
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    ///
    /// If it can't be sent now. The error says why, and has the message.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    #[inline]
    #[track_caller]
    pub fn try_send(&self, to: impl Into<ShardId>, message: T) -> Result<(), TrySendError<T>> {
        let to = to.into().among(self.0.shared.shards);
        if !self.0.waiters[to].try_pass() {
            return Err(TrySendError::Full(message));
        }
        self.0.push(to, message).map_err(|error| match error {
            PushError::Full(message) => TrySendError::Full(message),
            PushError::Closed(message) => TrySendError::Closed(message),
        })
    }

    /// Waits, in the order of arrival, until a message can be [sent](Self::try_send) or the
    /// receiver is gone. Another task may use the space first.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn ready(&self, to: impl Into<ShardId>) {
        let to = to.into().among(self.0.shared.shards);
        let mut entry = WaitListEntry::new(&self.0.waiters[to]);
        poll_fn(|cx| {
            let progress = ready!(entry.poll_proceed(cx));
            ready!(self.0.poll_ready(to, &mut entry, cx));
            entry.add_permit();
            progress.made_progress();
            Poll::Ready(())
        })
        .await;
    }

    /// Closes this sender and its clones. What was sent before is still received.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether sending to a shard would fail, because its receiver is gone or this sender was
    /// closed.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard.
    #[track_caller]
    pub fn is_closed(&self, to: impl Into<ShardId>) -> bool {
        let to = to.into().among(self.0.shared.shards);
        self.0.is_closed(to)
    }
}

impl<T> MeshSender<T> {
    /// Sends a message now, or registers `waker` to be woken when there is space. For a task that
    /// is the only one to send. `notify` notifies the receiver, and has to begin with a full fence.
    pub(in crate::shard) fn push_or_wait(
        &self,
        to: usize,
        message: T,
        waker: &Waker,
        notify: impl Fn(),
    ) -> Result<(), PushError<T>> {
        let queue = self.0.shared.queue(self.0.from.index(), to);
        let message = match queue.push(message, &notify) {
            Err(PushError::Full(message)) => message,
            sent => return sent,
        };
        queue.not_full.prepare_wait(waker);
        let sent = queue.push(message, &notify);
        if !matches!(sent, Err(PushError::Full(_))) {
            queue.not_full.cancel_wait();
        }
        sent
    }
}

impl<T> Inner<T> {
    fn is_closed(&self, to: usize) -> bool {
        let queue = self.shared.queue(self.from.index(), to);
        self.closed.get() || queue.is_receiver_closed()
    }

    #[inline]
    fn push(&self, to: usize, message: T) -> Result<(), PushError<T>> {
        if self.closed.get() {
            return Err(PushError::Closed(message));
        }
        let queue = self.shared.queue(self.from.index(), to);
        queue.push(message, || self.shared.arrived(to).notify())
    }

    fn poll_send(
        &self,
        to: usize,
        entry: &mut WaitListEntry<'_>,
        message: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let mut try_once = || {
            let taken = message.take().expect("polled after it was sent");
            match self.push(to, taken) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(PushError::Closed(message)) => Poll::Ready(Err(SendError(message))),
                Err(PushError::Full(back)) => {
                    *message = Some(back);
                    Poll::Pending
                }
            }
        };
        // Tasks behind the first are woken only when they become the first, or the sender is
        // closed.
        let seen @ (is_first, is_closed) = (entry.is_first(), self.closed.get());
        if is_first || is_closed {
            if let Poll::Ready(sent) = try_once() {
                return Poll::Ready(sent);
            }
            let not_full = &self.shared.queue(self.from.index(), to).not_full;
            not_full.prepare_wait(cx.waker());
            if let Poll::Ready(sent) = try_once() {
                not_full.cancel_wait();
                return Poll::Ready(sent);
            }
        }
        self.wait_in_list(entry, seen, cx)
    }

    fn poll_ready(
        &self,
        to: usize,
        entry: &mut WaitListEntry<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let queue = self.shared.queue(self.from.index(), to);
        let is_ready = || !queue.is_full() || self.is_closed(to);
        let seen @ (is_first, is_closed) = (entry.is_first(), self.closed.get());
        if is_first || is_closed {
            if is_ready() {
                return Poll::Ready(());
            }
            queue.not_full.prepare_wait(cx.waker());
            if is_ready() {
                queue.not_full.cancel_wait();
                return Poll::Ready(());
            }
        }
        self.wait_in_list(entry, seen, cx)
    }

    /// Waits in the list. `seen` says whether the task was the first and whether the sender was
    /// closed, when the caller checked. The clone of a foreign waker is user code and may change
    /// both without a wake; then the task wakes itself.
    fn wait_in_list<R>(
        &self,
        entry: &mut WaitListEntry<'_>,
        seen: (bool, bool),
        cx: &Context<'_>,
    ) -> Poll<R> {
        entry.wait(cx.waker());
        if (entry.is_first(), self.closed.get()) != seen {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.shared.close_sender(self.from.index());
        self.waiters.iter().for_each(WaitList::wake_all);
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> Clone for MeshSender<T> {
    fn clone(&self) -> MeshSender<T> {
        MeshSender(self.0.clone())
    }
}

impl<T> fmt::Debug for MeshSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshSender")
            .field("from", &self.0.from)
            .finish_non_exhaustive()
    }
}

const GONE: &str = "the message was not sent: the receiver is gone, or the sender was closed";

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(GONE)
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> TrySendError<T> {
    /// Returns the message.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(message) | TrySendError::Closed(message) => message,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "the message was not sent: the queue is full now",
            TrySendError::Closed(_) => GONE,
        })
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> std::error::Error for TrySendError<T> {}

//! An unbounded channel, its senders and its receiver.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::super::wait_list::OneThread;
use super::chan::Chan;
use super::error::{SendError, TryRecvError};
use super::rx::Rx;
use super::sender::closed;
use super::tx::{Tx, WeakTx};

/// Returns a channel whose queue grows without a limit: its first sender and its receiver.
///
/// A sender never waits. If the receiver is slower than the senders, the queue grows until the
/// memory is used up, so prefer a bounded [`channel`](super::channel) if you can.
///
/// ```
/// use wakeful::sync::mpsc;
///
/// wakeful::block_on(async {
///     let (sender, mut receiver) = mpsc::unbounded_channel();
///     sender.send("from code that can't wait").unwrap();
///     assert_eq!(receiver.recv().await, Some("from code that can't wait"));
/// });
/// ```
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let chan = Rc::new(Chan::new(usize::MAX));
    let receiver = UnboundedReceiver {
        _one_thread: PhantomData,
        rx: Rx::new(chan.clone()),
    };
    (UnboundedSender::new(Tx::new(chan)), receiver)
}

/// Sender of an unbounded channel, see [`unbounded_channel`].
///
/// Clones send to the same channel. It stays on its thread.
pub struct UnboundedSender<T> {
    // First, so that the compiler names it for a sender that is sent to another thread.
    _one_thread: OneThread,
    tx: Tx<T>,
}

/// Sender of an unbounded channel that does not keep the channel open. See
/// [`WeakSender`](super::WeakSender).
///
/// ```
/// let (sender, _receiver) = wakeful::sync::mpsc::unbounded_channel();
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().send(1).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakUnboundedSender<T> {
    _one_thread: OneThread,
    tx: WeakTx<T>,
}

/// Receiver of an unbounded channel, see [`unbounded_channel`].
///
/// It is a [`Stream`](futures_core::Stream) as well. Its drop closes the channel and drops the
/// messages that are in the queue; a panic of such a drop is caught. It stays on its thread.
pub struct UnboundedReceiver<T> {
    // First, so that the compiler names it for a receiver that is sent to another thread.
    _one_thread: OneThread,
    rx: Rx<T>,
}

impl<T> UnboundedSender<T> {
    #[inline]
    fn new(tx: Tx<T>) -> UnboundedSender<T> {
        let _one_thread = PhantomData;
        UnboundedSender { _one_thread, tx }
    }

    /// Sends a message. Never waits.
    ///
    /// # Errors
    ///
    /// If the channel is closed. The error contains the message.
    ///
    /// ```
    /// use wakeful::sync::mpsc::{self, error::SendError};
    ///
    /// let (sender, receiver) = mpsc::unbounded_channel();
    /// assert_eq!(sender.send(1), Ok(()));
    /// drop(receiver);
    /// assert_eq!(sender.send(2), Err(SendError(2)));
    /// ```
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let chan = self.tx.chan();
        // There is always a place.
        match chan.state.reserve(1) {
            Ok(()) => {
                chan.push(value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        }
    }

    /// Waits until the channel is closed: its receiver is dropped, or has called
    /// [`close`](UnboundedReceiver::close).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: the call has no effect.
    pub async fn closed(&self) {
        closed(&self.tx.chan().state).await;
    }

    /// Whether the channel is closed: its receiver is dropped, or has called
    /// [`close`](UnboundedReceiver::close).
    pub fn is_closed(&self) -> bool {
        self.tx.chan().state.is_closed()
    }

    /// Whether both senders are of the same channel.
    pub fn same_channel(&self, other: &UnboundedSender<T>) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// Returns a sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender {
            _one_thread: PhantomData,
            tx: self.tx.downgrade(),
        }
    }

    /// Returns the number of [`UnboundedSender`]s of the channel.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().state.senders()
    }

    /// Returns the number of [`WeakUnboundedSender`]s of the channel.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().state.weak_senders()
    }
}

impl<T> Clone for UnboundedSender<T> {
    #[inline]
    fn clone(&self) -> UnboundedSender<T> {
        UnboundedSender::new(self.tx.clone())
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnboundedSender")
            .field(self.tx.chan())
            .finish()
    }
}

impl<T> WeakUnboundedSender<T> {
    /// Returns a sender that keeps the channel open. `None` if all senders are dropped.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(UnboundedSender::new)
    }

    /// Returns the number of [`UnboundedSender`]s of the channel.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().state.senders()
    }

    /// Returns the number of [`WeakUnboundedSender`]s of the channel.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().state.weak_senders()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender {
            _one_thread: PhantomData,
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender")
            .finish_non_exhaustive()
    }
}

impl<T> UnboundedReceiver<T> {
    /// Receives the next message. Waits until there is one.
    ///
    /// Returns `None` if the queue is empty and no message can come any more: all senders are
    /// dropped, or the channel is [closed](Self::close). Consumes the cooperative budget.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no message is lost.
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = mpsc::unbounded_channel();
    ///     sender.send(1).unwrap();
    ///     drop(sender);
    ///     assert_eq!(receiver.recv().await, Some(1));
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// ```
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
        self.rx.recv()
    }

    /// Receives up to `limit` messages, and appends them to `buffer`. Waits until there is one.
    ///
    /// Returns how many it has received: 0 if `limit` is 0, or if no message can come any more. It
    /// does not wait for further messages once it has one.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no message is lost.
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = mpsc::unbounded_channel();
    ///     for number in 0..3 {
    ///         sender.send(number).unwrap();
    ///     }
    ///     let mut numbers = Vec::new();
    ///     assert_eq!(receiver.recv_many(&mut numbers, 2).await, 2);
    ///     assert_eq!(numbers, [0, 1]);
    /// });
    /// ```
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.rx.poll_recv_many(cx, buffer, limit)).await
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// If there is no message. The error says whether one may still come.
    ///
    /// ```
    /// use wakeful::sync::mpsc::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = mpsc::unbounded_channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Closes the channel: no more messages can be sent. Those in the queue can still be received.
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether the channel is closed, or all senders are dropped. There may be messages left.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of messages in the queue.
    ///
    /// ```
    /// let (sender, receiver) = wakeful::sync::mpsc::unbounded_channel();
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.rx.chan().len()
    }

    /// Polls for the next message, as [`recv`](Self::recv) does.
    ///
    /// If it returns `Pending`, the waker of `cx` is woken when there is a message, or when none
    /// can come any more. Only the waker of the last call is.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx)
    }

    /// Polls for up to `limit` messages, as [`recv_many`](Self::recv_many) does. See
    /// [`poll_recv`](Self::poll_recv).
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx.poll_recv_many(cx, buffer, limit)
    }

    /// Returns the number of [`UnboundedSender`]s.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().state.senders()
    }

    /// Returns the number of [`WeakUnboundedSender`]s.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().state.weak_senders()
    }

    pub(super) fn rx(&self) -> &Rx<T> {
        &self.rx
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnboundedReceiver")
            .field(self.rx.chan())
            .finish()
    }
}

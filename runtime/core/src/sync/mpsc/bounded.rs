//! A bounded channel, and its receiver.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::super::wait_list::OneThread;
use super::chan::Chan;
use super::error::TryRecvError;
use super::rx::Rx;
use super::sender::Sender;
use super::tx::Tx;

/// Returns a channel with `buffer` places for messages: its first sender and its receiver.
///
/// While there are as many messages in the queue, senders wait. They are served in the order in
/// which they began to wait. The memory of the queue is allocated as it grows.
///
/// # Panics
///
/// If `buffer` is 0.
///
/// ```
/// use wakeful::sync::mpsc;
///
/// wakeful::block_on(async {
///     let (sender, mut receiver) = mpsc::channel(16);
///     for number in 0..3 {
///         let sender = sender.clone();
///         wakeful::spawn(async move { sender.send(number).await.unwrap() });
///     }
///     drop(sender);
///     let mut sum = 0;
///     while let Some(number) = receiver.recv().await {
///         sum += number;
///     }
///     assert_eq!(sum, 3);
/// });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "a channel needs `buffer` of at least 1, not 0");
    let chan = Rc::new(Chan::new(buffer));
    let receiver = Receiver {
        _one_thread: PhantomData,
        rx: Rx::new(chan.clone()),
    };
    (Sender::new(Tx::new(chan)), receiver)
}

/// Receiver of a bounded channel, see [`channel`].
///
/// It is a [`Stream`](futures_core::Stream) as well. Its drop closes the channel and drops the
/// messages that are in the queue; a panic of such a drop is caught. It stays on its thread.
pub struct Receiver<T> {
    // First, so that the compiler names it for a receiver that is sent to another thread.
    _one_thread: OneThread,
    rx: Rx<T>,
}

impl<T> Receiver<T> {
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
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     sender.send(1).await.unwrap();
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
    ///     let (sender, mut receiver) = mpsc::channel(4);
    ///     for number in 0..3 {
    ///         sender.send(number).await.unwrap();
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
    /// let (sender, mut receiver) = mpsc::channel(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Closes the channel: no more messages can be sent, and waiting senders get an error.
    ///
    /// Messages that are in the queue, and those for which a [`Permit`](super::Permit) exists, can
    /// still be received. So [`recv`](Self::recv) returns `None` only after all permits are used or
    /// dropped.
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(2);
    ///     sender.send(1).await.unwrap();
    ///     receiver.close();
    ///     assert!(sender.send(2).await.is_err());
    ///     assert_eq!(receiver.recv().await, Some(1));
    ///     assert_eq!(receiver.recv().await, None);
    /// });
    /// ```
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
    /// let (sender, receiver) = wakeful::sync::mpsc::channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.rx.chan().len()
    }

    /// Returns the number of messages that can be sent at once. It is 0 while a sender waits.
    pub fn capacity(&self) -> usize {
        self.rx.chan().state.available()
    }

    /// Returns the number of places of the channel, as given to [`channel`].
    pub fn max_capacity(&self) -> usize {
        self.rx.chan().state.capacity()
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

    /// Returns the number of [`Sender`]s.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().state.senders()
    }

    /// Returns the number of [`WeakSender`](super::WeakSender)s.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().state.weak_senders()
    }

    pub(super) fn rx(&self) -> &Rx<T> {
        &self.rx
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(self.rx.chan()).finish()
    }
}

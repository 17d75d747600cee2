//! `Sender` and `WeakSender` of a bounded channel.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::super::notify::NotifyWait;
use super::super::wait_list::OneThread;
use super::chan::Chan;
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::reserve::Reserve;
use super::state::State;
use super::tx::{Tx, WeakTx};
use crate::task::coop;
use crate::time::timeout;

/// Sender of a bounded channel, see [`channel`](super::channel).
///
/// Clones send to the same channel. It stays on its thread.
pub struct Sender<T> {
    // The first field, as the compiler's message about a sender on another thread names that one.
    _one_thread: OneThread,
    tx: Tx<T>,
}

/// Sender of a bounded channel that does not keep the channel open.
///
/// The receiver gets its `None` once all [`Sender`]s are dropped, also while weak senders exist. To
/// send, [`upgrade`](Self::upgrade) it.
///
/// ```
/// use wakeful::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel(1);
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().try_send(1).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.try_recv(), Ok(1));
/// assert_eq!(receiver.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
/// ```
pub struct WeakSender<T> {
    _one_thread: OneThread,
    tx: WeakTx<T>,
}

impl<T> Sender<T> {
    #[inline]
    pub(super) fn new(tx: Tx<T>) -> Sender<T> {
        let _one_thread = PhantomData;
        Sender { _one_thread, tx }
    }

    #[inline]
    pub(super) fn tx(&self) -> &Tx<T> {
        &self.tx
    }

    #[inline]
    fn state(&self) -> &State {
        &self.tx.chan().state
    }

    /// Sends a message. Waits until there is a free place.
    ///
    /// Consumes the cooperative budget.
    ///
    /// # Errors
    ///
    /// If the channel is or becomes closed. The error contains the message.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has not sent the message, which is dropped as well, and loses its
    /// place among the waiting tasks. To keep the message, use [`reserve`](Self::reserve).
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     wakeful::spawn(async move {
    ///         for number in 0..3 {
    ///             sender.send(number).await.unwrap();
    ///         }
    ///     });
    ///     while let Some(number) = receiver.recv().await {
    ///         println!("{number}");
    ///     }
    /// });
    /// ```
    #[inline]
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        let chan = &**self.tx.chan();
        Sending {
            chan,
            value: Some(value),
            wait: None,
        }
    }

    /// Sends a message if there is a free place and no task waits for one.
    ///
    /// # Errors
    ///
    /// If there is no place, or the channel is closed. The error contains the message.
    ///
    /// ```
    /// use wakeful::sync::mpsc::{self, error::TrySendError};
    ///
    /// let (sender, receiver) = mpsc::channel(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let chan = self.tx.chan();
        match chan.state.reserve(1) {
            Ok(()) => {
                chan.push(value);
                Ok(())
            }
            Err(error) => Err(error.with(value)),
        }
    }

    /// Sends a message. Waits for a free place, but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// If there is no free place in time, or the channel is or becomes closed. The error contains
    /// the message.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Self::send).
    ///
    /// ```
    /// use std::time::Duration;
    /// use wakeful::sync::mpsc::{self, error::SendTimeoutError};
    ///
    /// wakeful::block_on(async {
    ///     let (sender, _receiver) = mpsc::channel(1);
    ///     let limit = Duration::from_millis(1);
    ///     assert_eq!(sender.send_timeout(1, limit).await, Ok(()));
    ///     assert_eq!(sender.send_timeout(2, limit).await, Err(SendTimeoutError::Timeout(2)));
    /// });
    /// ```
    pub async fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        let chan = &**self.tx.chan();
        match timeout(limit, Reserve::new(&chan.state, 1)).await {
            Ok(Ok(())) => {
                chan.push(value);
                Ok(())
            }
            Ok(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// Waits until the channel is closed: its receiver is dropped, or has called
    /// [`close`](super::Receiver::close).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: the call has no effect.
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, receiver) = mpsc::channel::<()>(1);
    ///     wakeful::spawn(async move { drop(receiver) });
    ///     sender.closed().await;
    /// });
    /// ```
    pub async fn closed(&self) {
        closed(self.state()).await;
    }

    /// Whether the channel is closed: its receiver is dropped, or has called
    /// [`close`](super::Receiver::close).
    ///
    /// ```
    /// let (sender, receiver) = wakeful::sync::mpsc::channel::<()>(1);
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.state().is_closed()
    }

    /// Whether both senders are of the same channel.
    ///
    /// ```
    /// let (sender, _receiver) = wakeful::sync::mpsc::channel::<()>(1);
    /// assert!(sender.same_channel(&sender.clone()));
    /// ```
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// Returns the number of messages that can be sent at once. It is 0 while a task waits.
    ///
    /// ```
    /// let (sender, _receiver) = wakeful::sync::mpsc::channel(3);
    /// sender.try_send(()).unwrap();
    /// assert_eq!((sender.capacity(), sender.max_capacity()), (2, 3));
    /// ```
    pub fn capacity(&self) -> usize {
        self.state().available()
    }

    /// Returns the number of places of the channel, as given to [`channel`](super::channel).
    pub fn max_capacity(&self) -> usize {
        self.state().capacity()
    }

    /// Returns a sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            _one_thread: PhantomData,
            tx: self.tx.downgrade(),
        }
    }

    /// Returns the number of [`Sender`]s of the channel.
    ///
    /// ```
    /// let (sender, _receiver) = wakeful::sync::mpsc::channel::<()>(1);
    /// let _weak = sender.downgrade();
    /// let _clone = sender.clone();
    /// assert_eq!((sender.strong_count(), sender.weak_count()), (2, 1));
    /// ```
    pub fn strong_count(&self) -> usize {
        self.state().senders()
    }

    /// Returns the number of [`WeakSender`]s of the channel.
    pub fn weak_count(&self) -> usize {
        self.state().weak_senders()
    }
}

impl<T> Clone for Sender<T> {
    #[inline]
    fn clone(&self) -> Sender<T> {
        Sender::new(self.tx.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(self.tx.chan()).finish()
    }
}

impl<T> WeakSender<T> {
    /// Returns a sender that keeps the channel open. `None` if all senders are dropped.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(Sender::new)
    }

    /// Returns the number of [`Sender`]s of the channel.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().state.senders()
    }

    /// Returns the number of [`WeakSender`]s of the channel.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().state.weak_senders()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        WeakSender {
            _one_thread: PhantomData,
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// Waits until the channel is closed.
pub(super) async fn closed(state: &State) {
    let closing = pin!(NotifyWait::new(state.closing()));
    if !state.is_closed() {
        closing.await;
    }
}

pin_project! {
    /// Future that sends one message.
    struct Sending<'a, T> {
        chan: &'a Chan<T>,
        // `None` once it has been sent or returned.
        value: Option<T>,
        // Made only if there is no free place at the first poll.
        #[pin]
        wait: Option<Reserve<&'a State>>,
    }
}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let this = self.as_ref();
        let is_first = this.wait.is_none() && this.value.is_some();
        if is_first && this.chan.state.has_place() && coop::try_consume() {
            let this = self.project();
            if let Some(value) = this.value.take() {
                this.chan.state.take_place();
                this.chan.push(value);
            }
            return Poll::Ready(Ok(()));
        }
        self.poll_slow(cx)
    }
}

impl<T> Sending<'_, T> {
    /// Sends when there may be no place, or no budget.
    #[inline(never)]
    fn poll_slow(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let mut this = self.project();
        assert!(
            this.value.is_some(),
            "the future of `send` was polled after it had returned `Ready`"
        );
        if this.wait.is_none() {
            this.wait.set(Some(Reserve::new(&this.chan.state, 1)));
        }
        let Some(wait) = this.wait.as_pin_mut() else {
            unreachable!("it was just set");
        };
        let reserved = ready!(wait.poll(cx));
        let Some(value) = this.value.take() else {
            unreachable!("it was there before, and only a poll takes it");
        };
        match reserved {
            Ok(()) => {
                this.chan.push(value);
                Poll::Ready(Ok(()))
            }
            Err(SendError(())) => Poll::Ready(Err(SendError(value))),
        }
    }
}

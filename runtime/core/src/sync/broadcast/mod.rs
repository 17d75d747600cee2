//! `broadcast`: a channel whose values go to every receiver.
//!
//! The channel keeps a value until all receivers have got it, but at most `capacity` values: a send
//! never waits. A receiver that is too slow loses the oldest values, and learns how many, with
//! [`RecvError::Lagged`]. For tasks of one thread.
//!
//! A receiver gets a clone of a value. The last one gets the value itself.
//!
//! ```
//! use wakeful::sync::broadcast;
//!
//! wakeful::block_on(async {
//!     let (sender, mut first) = broadcast::channel(16);
//!     let mut second = sender.subscribe();
//!     sender.send("hello").unwrap();
//!     assert_eq!(first.recv().await, Ok("hello"));
//!     assert_eq!(second.recv().await, Ok("hello"));
//! });
//! ```

pub mod error;
mod values;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use futures_core::Stream;
use futures_util::stream::unfold;

use self::error::{RecvError, SendError, TryRecvError};
use self::values::{Got, Values};
use super::event::Event;
use super::label::Kind;
use super::wait_list::OneThread;

/// What all handles of a channel share.
struct Shared<T> {
    /// Not borrowed while user code runs.
    values: RefCell<Values<T>>,
    capacity: usize,
    senders: Cell<usize>,
    weak_senders: Cell<usize>,
    receivers: Cell<usize>,
    /// Wakes receivers when a value is sent or the last sender is dropped.
    sent: Event,
    /// Wakes senders when the last receiver is dropped.
    unheard: Event,
}

/// Returns the two halves of a channel that keeps up to `capacity` values, rounded up to a power of
/// two.
///
/// ```
/// use wakeful::sync::broadcast::{self, error::TryRecvError};
///
/// let (sender, mut receiver) = broadcast::channel(2);
/// for number in 0..5 {
///     sender.send(number).unwrap();
/// }
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(3)));
/// assert_eq!(receiver.try_recv(), Ok(3));
/// ```
///
/// # Panics
///
/// If `capacity` is 0 or greater than `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Sends values to all receivers. Made by [`channel`] or [`Sender::new`].
pub struct Sender<T> {
    _one_thread: OneThread,
    shared: Rc<Shared<T>>,
}

/// Sender that does not keep the channel open. Made by [`Sender::downgrade`].
pub struct WeakSender<T> {
    _one_thread: OneThread,
    shared: Rc<Shared<T>>,
}

/// Receives the values that are sent after it was made, by [`channel`] or [`Sender::subscribe`].
pub struct Receiver<T> {
    _one_thread: OneThread,
    shared: Rc<Shared<T>>,
    /// Number of the next value.
    next: u64,
}

impl<T> Shared<T> {
    /// Returns a value or an error to a receiver. `None`: it has to wait. Runs no user code.
    #[inline]
    fn receive(&self, next: &mut u64) -> Option<Result<Got<T>, RecvError>> {
        match self.values.borrow_mut().receive(next) {
            Some(got) => Some(got.map_err(RecvError::Lagged)),
            None => (self.senders.get() == 0).then_some(Err(RecvError::Closed)),
        }
    }

    fn subscribe(self: &Rc<Self>) -> Receiver<T> {
        self.receivers.set(self.receivers.get() + 1);
        Receiver {
            _one_thread: PhantomData,
            shared: self.clone(),
            next: self.values.borrow().end(),
        }
    }

    fn sender(self: &Rc<Self>) -> Sender<T> {
        self.senders.set(self.senders.get() + 1);
        Sender {
            _one_thread: PhantomData,
            shared: self.clone(),
        }
    }

    fn weak_sender(self: &Rc<Self>) -> WeakSender<T> {
        self.weak_senders.set(self.weak_senders.get() + 1);
        WeakSender {
            _one_thread: PhantomData,
            shared: self.clone(),
        }
    }
}

impl<T> Sender<T> {
    /// Returns the sender of a channel without receivers. See [`channel`].
    ///
    /// ```
    /// use wakeful::sync::broadcast;
    ///
    /// let sender = broadcast::Sender::new(4);
    /// assert!(sender.send(1).is_err());
    /// let mut receiver = sender.subscribe();
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(2));
    /// ```
    ///
    /// # Panics
    ///
    /// If `capacity` is 0 or greater than `usize::MAX / 2`.
    #[track_caller]
    pub fn new(capacity: usize) -> Sender<T> {
        assert!(
            (1..=usize::MAX / 2).contains(&capacity),
            "the capacity of a broadcast channel is {capacity}, but must be from 1 to \
             usize::MAX / 2"
        );
        let values = RefCell::new(Values::new());
        let shared = Rc::new(Shared {
            values,
            capacity: capacity.next_power_of_two(),
            senders: Cell::new(0),
            weak_senders: Cell::new(0),
            receivers: Cell::new(0),
            sent: Event::new(Kind::Broadcast),
            unheard: Event::new(Kind::Broadcast),
        });
        shared.sender()
    }

    /// Sends a value to all receivers, and wakes them. Returns the number of receivers.
    ///
    /// If the channel has as many values as its capacity, the oldest one is dropped, and the
    /// receivers that did not get it will be told.
    ///
    /// # Errors
    ///
    /// If there is no receiver. The error has the value.
    #[inline]
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let shared = &*self.shared;
        let receivers = shared.receivers.get();
        if receivers == 0 {
            return Err(SendError(value));
        }
        let mut values = shared.values.borrow_mut();
        let pushed_out = values.push(value, receivers, shared.capacity);
        drop(values);
        shared.sent.wake_all();
        drop(pushed_out);
        Ok(receivers)
    }

    /// Returns a new receiver, which gets the values that are sent from here on.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.subscribe()
    }

    /// Returns a sender that does not keep the channel open.
    ///
    /// ```
    /// use wakeful::sync::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel::<i32>(4);
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use = "the sender itself is left as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.shared.weak_sender()
    }

    /// Returns the number of values that some receiver has not got yet.
    ///
    /// ```
    /// use wakeful::sync::broadcast;
    ///
    /// let (sender, mut first) = broadcast::channel(4);
    /// let mut second = sender.subscribe();
    /// sender.send(1).unwrap();
    /// first.try_recv().unwrap();
    /// assert_eq!(sender.len(), 1);
    /// second.try_recv().unwrap();
    /// assert_eq!(sender.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.values.borrow().len()
    }

    /// Whether all receivers have got all values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.get()
    }

    /// Returns the number of senders that keep the channel open.
    pub fn strong_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// Returns the number of senders that do not keep the channel open.
    pub fn weak_count(&self) -> usize {
        self.shared.weak_senders.get()
    }

    /// Whether both are senders of one channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there is no receiver.
    ///
    /// ```
    /// use wakeful::sync::broadcast;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, receiver) = broadcast::channel::<i32>(4);
    ///     let task = wakeful::spawn(async move { sender.closed().await });
    ///     drop(receiver);
    ///     task.await.unwrap();
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: nothing is lost if the call is dropped. It consumes the cooperative budget.
    pub async fn closed(&self) {
        let is_closed = || (self.receiver_count() == 0).then_some(());
        self.shared.unheard.until(is_closed).await;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.sender()
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.senders.set(self.shared.senders.get() - 1);
        if self.shared.senders.get() == 0 {
            self.shared.sent.wake_all();
        }
    }
}

impl<T> WeakSender<T> {
    /// Returns a sender, unless all senders are gone.
    #[must_use = "the weak sender itself is left as it is"]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        (self.strong_count() != 0).then(|| self.shared.sender())
    }

    /// Returns the number of senders that keep the channel open.
    pub fn strong_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// Returns the number of senders that do not keep the channel open.
    pub fn weak_count(&self) -> usize {
        self.shared.weak_senders.get()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        self.shared.weak_sender()
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        let count = &self.shared.weak_senders;
        count.set(count.get() - 1);
    }
}

impl<T> Receiver<T> {
    /// Returns the number of values that were sent and not received by this receiver. With those
    /// that it has lost, it may be greater than the capacity.
    pub fn len(&self) -> usize {
        (self.shared.values.borrow().end() - self.next) as usize
    }

    /// Whether this receiver has got all values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are receivers of one channel.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether all senders are gone. There may still be values to receive.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }

    /// Returns the number of senders that keep the channel open.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// Returns the number of senders that do not keep the channel open.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.weak_senders.get()
    }
}

impl<T: Clone> Receiver<T> {
    /// Returns a new receiver, which gets the values that are sent from here on.
    pub fn resubscribe(&self) -> Receiver<T> {
        self.shared.subscribe()
    }

    /// Receives the next value.
    ///
    /// If the clone of the value panics, the panic goes to the caller, and the value counts as
    /// received.
    ///
    /// ```
    /// use wakeful::sync::broadcast::{self, error::RecvError};
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = broadcast::channel(4);
    ///     wakeful::spawn(async move {
    ///         sender.send("value").unwrap();
    ///     });
    ///     assert_eq!(receiver.recv().await, Ok("value"));
    ///     assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// `Lagged` if values were lost; the next call returns the oldest value that the channel has.
    /// `Closed` if all senders are gone and all values were received.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: a call that is dropped loses no value. It consumes the cooperative budget.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let Receiver { shared, next, .. } = self;
        let got = shared.sent.until(|| shared.receive(next)).await?;
        Ok(got.into_value())
    }

    /// Returns the next value if there is one.
    ///
    /// # Errors
    ///
    /// `Empty` if there is none now; otherwise as for [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.shared.receive(&mut self.next) {
            None => Err(TryRecvError::Empty),
            Some(Ok(got)) => Ok(got.into_value()),
            Some(Err(RecvError::Closed)) => Err(TryRecvError::Closed),
            Some(Err(RecvError::Lagged(lost))) => Err(TryRecvError::Lagged(lost)),
        }
    }

    /// Returns a stream of the values. An item is an error, always `Lagged`, where values were
    /// lost. The stream ends when all senders are gone and all values were received.
    ///
    /// ```
    /// use std::pin::pin;
    /// use futures_util::StreamExt;
    /// use wakeful::sync::broadcast;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, receiver) = broadcast::channel(4);
    ///     let mut values = pin!(receiver.into_stream());
    ///     sender.send(1).unwrap();
    ///     drop(sender);
    ///     assert_eq!(values.next().await, Some(Ok(1)));
    ///     assert_eq!(values.next().await, None);
    /// });
    /// ```
    pub fn into_stream(self) -> impl Stream<Item = Result<T, RecvError>> {
        unfold(self, async |mut receiver| match receiver.recv().await {
            Err(RecvError::Closed) => None,
            item => Some((item, receiver)),
        })
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let shared = &*self.shared;
        shared.receivers.set(shared.receivers.get() - 1);
        let unneeded = shared.values.borrow_mut().remove(self.next);
        if shared.receivers.get() == 0 {
            shared.unheard.wake_all();
        }
        drop(unneeded);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("receivers", &self.receiver_count())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

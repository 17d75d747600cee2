//! Permits: reserved places of a bounded channel.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use super::super::wait_list::OneThread;
use super::chan::Chan;
use super::error::{SendError, TrySendError};
use super::reserve::Reserve;
use super::sender::Sender;

/// Reserved place of a channel, see [`Sender::reserve`]. Its drop gives the place to the next
/// waiting task.
#[must_use = "the place is given back when the permit is dropped"]
pub struct Permit<'a, T> {
    _one_thread: OneThread,
    chan: &'a Chan<T>,
}

/// Several reserved places of a channel, see [`Sender::reserve_many`]: an iterator of [`Permit`]s.
/// Its drop gives those places back that are left.
#[must_use = "the places are given back when the iterator is dropped"]
pub struct PermitIterator<'a, T> {
    _one_thread: OneThread,
    chan: &'a Chan<T>,
    places: usize,
}

/// Reserved place of a channel that keeps the channel open, see [`Sender::reserve_owned`]. Its drop
/// gives the place to the next waiting task.
#[must_use = "the place is given back when the permit is dropped"]
pub struct OwnedPermit<T> {
    _one_thread: OneThread,
    place: OwnedPlace<T>,
}

impl<T> Sender<T> {
    /// Reserves a place for a message. Waits until there is one.
    ///
    /// With the permit, the message is sent at once. Consumes the cooperative budget.
    ///
    /// # Errors
    ///
    /// If the channel is or becomes closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no place is lost. But a call that is dropped loses its place among the waiting
    /// tasks.
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     let permit = sender.reserve().await.unwrap();
    ///     // The place is taken, although there is no message yet.
    ///     assert!(sender.try_send(1).is_err());
    ///     permit.send(2);
    ///     assert_eq!(receiver.recv().await, Some(2));
    /// });
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        let chan = &**self.tx().chan();
        Reserve::new(&chan.state, 1).await?;
        Ok(Permit::new(chan))
    }

    /// Reserves places for `n` messages. Waits until there are as many.
    ///
    /// A call is not overtaken by others that need fewer places.
    ///
    /// # Errors
    ///
    /// If the channel is or becomes closed, or has fewer than `n` places at all.
    ///
    /// # Cancel safety
    ///
    /// As for [`reserve`](Self::reserve).
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(2);
    ///     for (number, permit) in sender.reserve_many(2).await.unwrap().enumerate() {
    ///         permit.send(number);
    ///     }
    ///     assert_eq!(receiver.recv().await, Some(0));
    ///     assert_eq!(receiver.recv().await, Some(1));
    /// });
    /// ```
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        let chan = &**self.tx().chan();
        if n > chan.state.capacity() {
            return Err(SendError(()));
        }
        Reserve::new(&chan.state, n).await?;
        Ok(PermitIterator::new(chan, n))
    }

    /// Reserves a place for a message, with a permit that contains the sender. Waits until there is
    /// one.
    ///
    /// # Errors
    ///
    /// If the channel is or becomes closed. The sender is dropped then.
    ///
    /// # Cancel safety
    ///
    /// No place is lost. But a call that is dropped drops the sender, and loses its place among the
    /// waiting tasks.
    ///
    /// ```
    /// use wakeful::sync::mpsc;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = mpsc::channel(1);
    ///     let permit = sender.reserve_owned().await.unwrap();
    ///     let _sender = permit.send(1);
    ///     assert_eq!(receiver.recv().await, Some(1));
    /// });
    /// ```
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        Reserve::new(&self.tx().chan().state, 1).await?;
        Ok(OwnedPermit::new(self))
    }

    /// Reserves a place for a message, if one is free and no task waits for one.
    ///
    /// # Errors
    ///
    /// If there is no place, or the channel is closed.
    ///
    /// ```
    /// let (sender, mut receiver) = wakeful::sync::mpsc::channel(1);
    /// sender.try_reserve().unwrap().send(1);
    /// assert!(sender.try_reserve().is_err());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    #[inline]
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        let chan = &**self.tx().chan();
        chan.state.reserve(1)?;
        Ok(Permit::new(chan))
    }

    /// Reserves places for `n` messages, if as many are free and no task waits for some.
    ///
    /// # Errors
    ///
    /// If there are fewer places, or the channel is closed.
    ///
    /// ```
    /// let (sender, _receiver) = wakeful::sync::mpsc::channel::<()>(2);
    /// assert!(sender.try_reserve_many(3).is_err());
    /// assert_eq!(sender.try_reserve_many(2).unwrap().len(), 2);
    /// ```
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        let chan = &**self.tx().chan();
        chan.state.reserve(n)?;
        Ok(PermitIterator::new(chan, n))
    }

    /// Reserves a place for a message, with a permit that contains the sender, if one is free and
    /// no task waits for one.
    ///
    /// # Errors
    ///
    /// If there is no place, or the channel is closed. The error contains the sender.
    ///
    /// ```
    /// let (sender, _receiver) = wakeful::sync::mpsc::channel(1);
    /// let permit = sender.clone().try_reserve_owned().unwrap();
    /// let sender = sender.try_reserve_owned().unwrap_err().into_inner();
    /// drop(permit);
    /// sender.try_send(()).unwrap();
    /// ```
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Sender<T>>> {
        match self.tx().chan().state.reserve(1) {
            Ok(()) => Ok(OwnedPermit::new(self)),
            Err(error) => Err(error.with(self)),
        }
    }
}

impl<'a, T> Permit<'a, T> {
    /// The caller has reserved a place.
    #[inline]
    fn new(chan: &'a Chan<T>) -> Permit<'a, T> {
        let _one_thread = PhantomData;
        Permit { _one_thread, chan }
    }

    /// Sends a message to the place.
    ///
    /// The receiver gets it even if it has called [`close`](super::Receiver::close) meanwhile. If
    /// the receiver is dropped, so is the message.
    #[inline]
    pub fn send(self, value: T) {
        ManuallyDrop::new(self).chan.push(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.chan.state.give_back(1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(self.chan).finish()
    }
}

impl<'a, T> PermitIterator<'a, T> {
    /// The caller has reserved as many places.
    #[inline]
    fn new(chan: &'a Chan<T>, places: usize) -> PermitIterator<'a, T> {
        PermitIterator {
            _one_thread: PhantomData,
            chan,
            places,
        }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    #[inline]
    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.places = self.places.checked_sub(1)?;
        Some(Permit::new(self.chan))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.places, Some(self.places))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        self.chan.state.give_back(self.places);
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator")
            .field("chan", self.chan)
            .field("places", &self.places)
            .finish()
    }
}

/// Sender that has reserved a place. Its drop gives the place back, and drops the sender then.
struct OwnedPlace<T>(Option<Sender<T>>);

impl<T> OwnedPlace<T> {
    fn sender(&self) -> &Sender<T> {
        self.0.as_ref().expect("only `take` takes it out")
    }

    /// Returns the sender. The place belongs to the caller.
    fn take(mut self) -> Sender<T> {
        self.0.take().expect("only `take` takes it out")
    }
}

impl<T> Drop for OwnedPlace<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.0 {
            sender.tx().chan().state.give_back(1);
        }
    }
}

impl<T> OwnedPermit<T> {
    /// The caller has reserved a place.
    fn new(sender: Sender<T>) -> OwnedPermit<T> {
        OwnedPermit {
            _one_thread: PhantomData,
            place: OwnedPlace(Some(sender)),
        }
    }

    /// Sends a message to the place, see [`Permit::send`]. Returns the sender.
    pub fn send(self, value: T) -> Sender<T> {
        let sender = self.place.take();
        sender.tx().chan().push(value);
        sender
    }

    /// Gives the place back. Returns the sender.
    ///
    /// ```
    /// let (sender, _receiver) = wakeful::sync::mpsc::channel::<()>(1);
    /// let sender = sender.try_reserve_owned().unwrap().release();
    /// assert_eq!(sender.capacity(), 1);
    /// ```
    pub fn release(self) -> Sender<T> {
        let sender = self.place.take();
        sender.tx().chan().state.give_back(1);
        sender
    }

    /// Whether both permits are of the same channel.
    pub fn same_channel(&self, other: &OwnedPermit<T>) -> bool {
        self.same_channel_as_sender(other.place.sender())
    }

    /// Whether the permit and the sender are of the same channel.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.place.sender().same_channel(sender)
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedPermit")
            .field(self.place.sender().tx().chan())
            .finish()
    }
}

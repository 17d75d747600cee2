//! `watch`: a channel that keeps the last value, for receivers that need only that.
//!
//! Every receiver knows which value it has seen last, and waits for a newer one. Values in between
//! may be skipped. For tasks of one thread.
//!
//! ```
//! use wakeful::sync::watch;
//!
//! wakeful::block_on(async {
//!     let (sender, mut limit) = watch::channel(10);
//!     let task = wakeful::spawn(async move {
//!         // Fails once all senders are gone.
//!         while limit.changed().await.is_ok() {
//!             println!("the limit is {}", *limit.borrow_and_update());
//!         }
//!     });
//!     sender.send(20).unwrap();
//!     drop(sender);
//!     task.await.unwrap();
//! });
//! ```
//!
//! # While a `Ref` is alive
//!
//! A [`Ref`] keeps the value that it shows. [`Sender::send`] during that time puts the new value
//! beside it: the `Ref` shows the old one until it is dropped.
//! [`send_modify`](Sender::send_modify), [`send_if_modified`](Sender::send_if_modified) and
//! [`send_replace`](Sender::send_replace) need the value itself and panic. So don't hold a `Ref`
//! across an `.await` if others modify the value in place. (In tokio, a task that sends while it
//! has a `Ref` never continues.)
//!
//! The closures of the first two have the value for themselves: they may use the channel, but a
//! call that needs the value panics.

pub mod error;
mod shared;

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::rc::Rc;

use futures_core::Stream;
use futures_util::stream::unfold;

use self::error::{RecvError, SendError};
pub use self::shared::Ref;
use self::shared::Shared;
use super::event::Event;
use super::label::Kind;
use super::wait_list::OneThread;

/// Returns the two halves of a channel with that value. The receiver has seen it.
///
/// ```
/// use wakeful::sync::watch;
///
/// let (sender, receiver) = watch::channel("starting");
/// assert!(!receiver.has_changed().unwrap());
/// sender.send("running").unwrap();
/// assert!(receiver.has_changed().unwrap());
/// assert_eq!(*receiver.borrow(), "running");
/// ```
#[track_caller]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(init);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Changes the value of a watch channel. Made by [`channel`] or [`Sender::new`].
pub struct Sender<T> {
    _one_thread: OneThread,
    shared: Rc<Shared<T>>,
}

/// Sees the value of a watch channel, and waits for changes. Made by [`channel`] or
/// [`Sender::subscribe`]. A clone has seen the same value.
pub struct Receiver<T> {
    _one_thread: OneThread,
    shared: Rc<Shared<T>>,
    /// The version that was seen last.
    version: u64,
}

impl<T> Shared<T> {
    fn subscribe(self: &Rc<Self>, version: u64) -> Receiver<T> {
        self.receivers.set(self.receivers.get() + 1);
        Receiver {
            _one_thread: PhantomData,
            shared: self.clone(),
            version,
        }
    }
}

impl<T> Sender<T> {
    /// Returns the sender of a channel without receivers.
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// let sender = watch::Sender::new(1);
    /// assert!(sender.is_closed());
    /// let receiver = sender.subscribe();
    /// assert_eq!(*receiver.borrow(), 1);
    /// ```
    #[track_caller]
    pub fn new(init: T) -> Sender<T> {
        let shared = Rc::new(Shared {
            value: Cell::new(Some(Rc::new(init))),
            version: Cell::new(0),
            senders: Cell::new(1),
            receivers: Cell::new(0),
            changed: Event::new(Kind::Watch),
            unwatched: Event::new(Kind::Watch),
            last_ref: Cell::new(None),
        });
        Sender {
            _one_thread: PhantomData,
            shared,
        }
    }

    /// Sets the value and wakes the receivers. Allocates only while a [`Ref`] is alive.
    ///
    /// # Errors
    ///
    /// If there is no receiver: the value is not set, and returned in the error. Use
    /// [`send_replace`](Self::send_replace) to set it nevertheless.
    ///
    /// # Panics
    ///
    /// If it is called by a closure of [`send_modify`](Self::send_modify) or
    /// [`send_if_modified`](Self::send_if_modified) of this channel.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        let mut taken = self.shared.take();
        let old = match taken.get_mut() {
            Some(current) => Ok(mem::replace(current, value)),
            None => Err(taken.value.replace(Rc::new(value))),
        };
        drop(taken);
        self.shared.announce();
        drop(old);
        Ok(())
    }

    /// Changes the value in place and wakes the receivers, also if there are none.
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(vec![1]);
    /// sender.send_modify(|list| list.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a [`Ref`] is alive, or `modify` uses the value of the channel. If `modify` panics, the
    /// panic goes to the caller, and the value stays as `modify` left it; no receiver is woken.
    #[track_caller]
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        let mut taken = self.shared.take();
        modify(taken.alone("send_modify"));
        drop(taken);
        self.shared.announce();
    }

    /// Changes the value in place, and wakes the receivers if `modify` returns `true`. Returns what
    /// `modify` returns.
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// let (sender, receiver) = watch::channel(5);
    /// let raise = |to: i32| {
    ///     sender.send_if_modified(|level| {
    ///         let raised = *level < to;
    ///         *level = to.max(*level);
    ///         raised
    ///     })
    /// };
    /// assert!(!raise(4));
    /// assert!(!receiver.has_changed().unwrap());
    /// assert!(raise(6));
    /// assert!(receiver.has_changed().unwrap());
    /// ```
    ///
    /// # Panics
    ///
    /// As for [`send_modify`](Self::send_modify).
    #[track_caller]
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut taken = self.shared.take();
        let modified = modify(taken.alone("send_if_modified"));
        drop(taken);
        if modified {
            self.shared.announce();
        }
        modified
    }

    /// Sets the value and wakes the receivers, also if there are none. Returns the old value.
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// let sender = watch::Sender::new(1);
    /// assert_eq!(sender.send_replace(2), 1);
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If a [`Ref`] is alive, or if it is called by a closure of
    /// [`send_modify`](Self::send_modify) or [`send_if_modified`](Self::send_if_modified) of this
    /// channel.
    #[track_caller]
    pub fn send_replace(&self, value: T) -> T {
        let mut taken = self.shared.take();
        let old = mem::replace(taken.alone("send_replace"), value);
        drop(taken);
        self.shared.announce();
        old
    }

    /// Returns the value.
    ///
    /// # Panics
    ///
    /// If it is called by a closure of [`send_modify`](Self::send_modify) or
    /// [`send_if_modified`](Self::send_if_modified) of this channel.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(false, Some(Location::caller()))
    }

    /// Returns a new receiver, which has seen the current value.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.subscribe(self.shared.version.get())
    }

    /// Waits until there is no receiver.
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, receiver) = watch::channel(0);
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
        let is_closed = || self.is_closed().then_some(());
        self.shared.unwatched.until(is_closed).await;
    }

    /// Whether there is no receiver. [`subscribe`](Self::subscribe) opens the channel again.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Returns the number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.get()
    }

    /// Returns the number of senders.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// Whether both are senders of one channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Sender {
            _one_thread: PhantomData,
            shared: self.shared.clone(),
        }
    }
}

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Sender<T> {
        Sender::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.senders.set(self.shared.senders.get() - 1);
        if self.shared.senders.get() == 0 {
            self.shared.changed.wake_all();
        }
    }
}

impl<T> Receiver<T> {
    /// Returns the value without marking it as seen.
    ///
    /// # Panics
    ///
    /// If it is called by a closure of [`Sender::send_modify`] or [`Sender::send_if_modified`] of
    /// this channel.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared
            .borrow(self.is_unseen(), Some(Location::caller()))
    }

    /// Returns the value and marks it as seen.
    ///
    /// # Panics
    ///
    /// As for [`borrow`](Self::borrow).
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self
            .shared
            .borrow(self.is_unseen(), Some(Location::caller()));
        self.mark_unchanged();
        value
    }

    /// Whether there is a value that has not been seen.
    ///
    /// # Errors
    ///
    /// If all senders are gone, also if the last value has not been seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        match self.is_closed() {
            true => Err(RecvError(())),
            false => Ok(self.is_unseen()),
        }
    }

    fn is_unseen(&self) -> bool {
        self.version != self.shared.version.get()
    }

    /// Whether all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.senders.get() == 0
    }

    /// Marks the value as not seen: the next call of [`changed`](Self::changed) returns at once.
    pub fn mark_changed(&mut self) {
        self.version = self.shared.version.get().wrapping_sub(1);
    }

    /// Marks the value as seen.
    pub fn mark_unchanged(&mut self) {
        self.version = self.shared.version.get();
    }

    /// Waits for a value that has not been seen, and marks it as seen.
    ///
    /// # Errors
    ///
    /// If all senders are gone and the last value has been seen.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: a call that is dropped marks nothing as seen. It consumes the cooperative
    /// budget.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        let Receiver {
            shared, version, ..
        } = self;
        shared.changed.until(|| shared.unseen(version)).await
    }

    /// Waits for a value for which `condition` returns `true`, and returns it. It is marked as
    /// seen, as are those before it. The current value is the first one, seen or not.
    ///
    /// `condition` may use the channel, but not modify its value in place; see [the
    /// module](self#while-a-ref-is-alive).
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, mut receiver) = watch::channel(1);
    ///     let task = wakeful::spawn(async move {
    ///         *receiver.wait_for(|value| *value > 2).await.unwrap()
    ///     });
    ///     sender.send(3).unwrap();
    ///     assert_eq!(task.await.unwrap(), 3);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// If all senders are gone and the last value does not meet the condition.
    ///
    /// # Panics
    ///
    /// If `condition` panics. The value is marked as seen.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: a call that is dropped loses nothing, but values that did not meet the
    /// condition are marked as seen. It consumes the cooperative budget.
    pub async fn wait_for(
        &mut self,
        mut condition: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        let mut is_first = true;
        loop {
            // The current value counts as new at first. This also consumes the budget.
            let Receiver {
                shared, version, ..
            } = self;
            let mut has_changed = false;
            let attempt = || {
                has_changed = *version != shared.version.get();
                match shared.unseen(version) {
                    None | Some(Err(_)) if is_first => Some(Ok(())),
                    result => result,
                }
            };
            shared.changed.until(attempt).await?;
            is_first = false;
            let value = shared.borrow(has_changed, None);
            if condition(&value) {
                return Ok(value);
            }
        }
    }

    /// Whether both are receivers of one channel.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: Clone> Receiver<T> {
    /// Returns a stream of clones: of the current value at once, and then of the last value each
    /// time that it has changed. It ends when all senders are gone.
    ///
    /// For a stream without the current value, skip it: `into_stream().skip(1)`.
    ///
    /// ```
    /// use std::pin::pin;
    /// use futures_util::StreamExt;
    /// use wakeful::sync::watch;
    ///
    /// wakeful::block_on(async {
    ///     let (sender, receiver) = watch::channel(1);
    ///     let mut values = pin!(receiver.into_stream());
    ///     assert_eq!(values.next().await, Some(1));
    ///     sender.send(2).unwrap();
    ///     drop(sender);
    ///     assert_eq!(values.next().await, Some(2));
    ///     assert_eq!(values.next().await, None);
    /// });
    /// ```
    pub fn into_stream(self) -> impl Stream<Item = T> {
        unfold((self, true), async |(mut receiver, is_first)| {
            if !is_first {
                receiver.changed().await.ok()?;
            }
            let value = receiver.borrow_and_update();
            let item = T::clone(&value);
            drop(value);
            Some((item, (receiver, false)))
        })
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.shared.subscribe(self.version)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receivers.set(self.shared.receivers.get() - 1);
        if self.shared.receivers.get() == 0 {
            self.shared.unwatched.wake_all();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("version", &self.shared.version.get())
            .field("receivers", &self.receiver_count())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("seen", &(self.version == self.shared.version.get()))
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

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
//! beside it: the `Ref` shows the old one until it is dropped. [`send_modify`](Sender::send_modify),
//! [`send_if_modified`](Sender::send_if_modified) and [`send_replace`](Sender::send_replace) need
//! the value itself and panic. (In tokio, a task that sends while it has a `Ref` waits for itself
//! for ever.) So don't hold a `Ref` across an `.await` if others modify the value in place.
//!
//! The closures of these two methods have the value for themselves: they may use the channel, but
//! a call that needs the value panics.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use futures_core::Stream;
use futures_util::stream::unfold;

use self::error::{RecvError, SendError};
use super::event::Event;
use super::label::Kind;
use super::wait_list::OneThread;

/// What all handles of a channel share.
struct Shared<T> {
    /// `None` while a closure of the user has it.
    value: Cell<Option<Rc<T>>>,
    /// Number of changes.
    version: Cell<u64>,
    senders: Cell<usize>,
    receivers: Cell<usize>,
    /// Wakes receivers when the version changes or the last sender is dropped.
    changed: Event,
    /// Wakes senders when the last receiver is dropped.
    unwatched: Event,
    /// Where the last `Ref` was made.
    last_ref: Cell<Option<&'static Location<'static>>>,
}

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

/// Value of a watch channel. It stays as it is for as long as this exists; see [the
/// module](self#while-a-ref-is-alive).
pub struct Ref<'a, T> {
    value: Rc<T>,
    has_changed: bool,
    /// The lifetime is tokio's.
    _channel: PhantomData<&'a T>,
}

impl<T> Ref<'_, T> {
    /// Whether the value is newer than the one that the receiver had seen before. Always `false` for
    /// [`Sender::borrow`].
    ///
    /// ```
    /// use wakeful::sync::watch;
    ///
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert!(receiver.borrow_and_update().has_changed());
    /// assert!(!receiver.borrow_and_update().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref")
            .field("value", &self.value)
            .field("has_changed", &self.has_changed)
            .finish()
    }
}

/// The value, while a closure of the user or a replacement has it. The drop puts it back.
struct Taken<'a, T> {
    shared: &'a Shared<T>,
    value: Option<Rc<T>>,
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        self.shared.value.set(self.value.take());
    }
}

impl<T> Taken<'_, T> {
    /// Returns the value, unless a `Ref` has it as well.
    #[inline]
    fn get_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut().and_then(Rc::get_mut)
    }

    /// Returns the value.
    ///
    /// # Panics
    ///
    /// If a `Ref` has it as well.
    #[track_caller]
    fn alone(&mut self, method: &str) -> &mut T {
        let made_at = self.shared.last_ref.get();
        if let Some(value) = self.get_mut() {
            return value;
        }
        let made_at = made_at.map_or(String::new(), |at| {
            format!("; the last one was made at {at}")
        });
        panic!(
            "watch: {method} can't change the value while a Ref is alive: drop it before, or use \
             send{made_at}"
        );
    }
}

impl<T> Shared<T> {
    /// Takes the value out. Runs no user code.
    #[inline]
    #[track_caller]
    fn take(&self) -> Taken<'_, T> {
        let value = self.value.take();
        assert!(
            value.is_some(),
            "watch: a closure of send_modify or send_if_modified used the value of its own channel"
        );
        let shared = self;
        Taken { shared, value }
    }

    /// Returns a count of the value.
    #[inline]
    #[track_caller]
    fn share(&self) -> Rc<T> {
        let value = self.take().value.clone();
        value.expect("`take` has tested it")
    }

    #[inline]
    #[track_caller]
    fn borrow<'a>(&self, has_changed: bool) -> Ref<'a, T> {
        let value = self.share();
        self.last_ref.set(Some(Location::caller()));
        Ref {
            value,
            has_changed,
            _channel: PhantomData,
        }
    }

    /// Counts a change and wakes the receivers. Runs user code.
    #[inline]
    fn announce(&self) {
        self.version.set(self.version.get().wrapping_add(1));
        self.changed.wake_all();
    }

    /// Returns `Some` if there is a version that has not been seen, and marks it as seen, or if no
    /// sender is left. Runs no user code.
    fn unseen(&self, seen: &mut u64) -> Option<Result<(), RecvError>> {
        let version = self.version.get();
        if mem::replace(seen, version) != version {
            return Some(Ok(()));
        }
        (self.senders.get() == 0).then_some(Err(RecvError(())))
    }

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
    /// let raise = |to| {
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
        self.shared.borrow(false)
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
            .borrow(self.version != self.shared.version.get())
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
            .borrow(self.version != self.shared.version.get());
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
            false => Ok(self.version != self.shared.version.get()),
        }
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

    /// Waits for a value for which `condition` returns `true`, and returns it. It is marked as seen,
    /// as are those before it. The current value is the first one, seen or not.
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
    /// Cancel-safe: a call that is dropped loses nothing, but values that did not meet the condition
    /// are marked as seen. It consumes the cooperative budget.
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
            let value = Ref {
                value: shared.share(),
                has_changed,
                _channel: PhantomData,
            };
            shared.last_ref.set(None);
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

/// Errors of the channel.
pub mod error {
    use std::error::Error;
    use std::fmt;

    /// Error of [`Sender::send`](super::Sender::send): there is no receiver. Has the value.
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub struct SendError<T>(pub T);

    impl<T> fmt::Debug for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("SendError").finish_non_exhaustive()
        }
    }

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the watch channel has no receiver")
        }
    }

    impl<T> Error for SendError<T> {}

    /// Error of a [`Receiver`](super::Receiver): all senders are gone.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("all senders of the watch channel are gone")
        }
    }

    impl Error for RecvError {}
}

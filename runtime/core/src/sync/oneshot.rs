//! `oneshot`: a channel for one value.
//!
//! The two halves share one allocation. For tasks of one thread.
//!
//! ```
//! use wakeful::sync::oneshot;
//!
//! wakeful::block_on(async {
//!     let (sender, receiver) = oneshot::channel();
//!     wakeful::spawn(async move {
//!         // Fails only if the receiver is gone.
//!         _ = sender.send(6 * 7);
//!     });
//!     assert_eq!(receiver.await, Ok(42));
//! });
//! ```

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use self::error::{RecvError, TryRecvError};
use super::label::{Kind, Label};
use super::wait_list::OneThread;
use super::waker_slot::WakerSlot;
use crate::task::coop;

/// What both halves share.
struct Shared<T> {
    /// The value, from `send` until it is received.
    value: Cell<Option<T>>,
    /// Whether the sender has sent its value.
    sent: Cell<bool>,
    /// Whether the sender is gone, with or without having sent a value.
    complete: Cell<bool>,
    /// Whether the receiver accepts no value any more.
    closed: Cell<bool>,
    /// Waker of the task that waits for the value.
    receiver: WakerSlot,
    /// Waker of the task that waits for the receiver to close.
    sender: WakerSlot,
    label: Label,
}

/// Returns the two halves of a channel for one value.
///
/// ```
/// use wakeful::sync::oneshot;
///
/// let (sender, mut receiver) = oneshot::channel();
/// sender.send("hello").unwrap();
/// assert_eq!(receiver.try_recv(), Ok("hello"));
/// ```
#[track_caller]
#[inline]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        value: Cell::new(None),
        sent: Cell::new(false),
        complete: Cell::new(false),
        closed: Cell::new(false),
        receiver: WakerSlot::new(),
        sender: WakerSlot::new(),
        label: Label::new(Kind::Oneshot),
    });
    let sender = Sender {
        _one_thread: PhantomData,
        shared: shared.clone(),
    };
    let receiver = Receiver {
        _one_thread: PhantomData,
        shared: Some(shared),
    };
    (sender, receiver)
}

/// Sends one value to a [`Receiver`]. If it is dropped without doing so, the receiver gets an error.
pub struct Sender<T> {
    _one_thread: OneThread,
    shared: Rc<Shared<T>>,
}

/// Receives the value of a [`Sender`]. It is a future.
///
/// # Cancel safety
///
/// Cancel-safe if it is polled by reference: `(&mut receiver).await` in a `select!` loses no value.
/// The poll consumes the cooperative budget of the task.
///
/// # Errors
///
/// The output is an error if the sender was dropped without sending, or if the receiver was closed
/// before a value was sent.
///
/// # Panics
///
/// If it is polled after it has returned its output.
pub struct Receiver<T> {
    _one_thread: OneThread,
    /// `None` once the value or an error has been returned.
    shared: Option<Rc<Shared<T>>>,
}

impl<T> Shared<T> {
    /// Marks the receiver as closed, and wakes the sender. Runs user code.
    fn close(&self) {
        self.closed.set(true);
        self.sender.wake(&self.label);
    }

    /// Returns the value, or why there will be none. `None`: not yet. Runs no user code.
    #[inline]
    fn take(&self) -> Option<Result<T, RecvError>> {
        if self.sent.get() {
            return Some(self.value.take().ok_or(RecvError(())));
        }
        (self.complete.get() || self.closed.get()).then_some(Err(RecvError(())))
    }
}

impl<T> Sender<T> {
    /// Sends the value. Returns at once; that the value is received is not certain, as the receiver
    /// may be dropped later.
    ///
    /// ```
    /// use wakeful::sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send(3), Err(3));
    /// ```
    ///
    /// # Errors
    ///
    /// If the receiver is closed or dropped. The error is the value.
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        if self.shared.closed.get() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        self.shared.sent.set(true);
        // The drop of `self` wakes the receiver.
        Ok(())
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// ```
    /// use wakeful::sync::oneshot;
    ///
    /// wakeful::block_on(async {
    ///     let (mut sender, receiver) = oneshot::channel::<()>();
    ///     let task = wakeful::spawn(async move { sender.closed().await });
    ///     drop(receiver);
    ///     task.await.unwrap();
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: nothing is lost if the call is dropped. It consumes the cooperative budget.
    pub async fn closed(&mut self) {
        /// Takes the waker out of its slot: a call that is dropped no longer waits.
        struct Forget<'a, T>(&'a mut Sender<T>);

        impl<T> Drop for Forget<'_, T> {
            fn drop(&mut self) {
                drop(self.0.shared.sender.take());
            }
        }

        let this = Forget(self);
        poll_fn(|cx| this.0.shared.poll_closed(cx)).await;
    }

    /// Whether the receiver is closed or dropped.
    ///
    /// ```
    /// use wakeful::sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel::<()>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.closed.get()
    }

    /// Polls for the end of the receiver, as [`closed`](Self::closed) does. Only the waker of the
    /// last call is woken.
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use wakeful::sync::oneshot;
    ///
    /// wakeful::block_on(async {
    ///     let (mut sender, mut receiver) = oneshot::channel::<()>();
    ///     receiver.close();
    ///     poll_fn(|cx| sender.poll_closed(cx)).await;
    /// });
    /// ```
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_closed(cx)
    }
}

impl<T> Shared<T> {
    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let progress = ready!(coop::poll_proceed(cx));
        let attempt = || self.closed.get().then_some(());
        // SAFETY: the slot is a part of an allocation, which does not move.
        ready!(unsafe { self.sender.poll(cx, &self.label, attempt, || ()) });
        progress.made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.complete.set(true);
        let own = self.shared.sender.take();
        self.shared.receiver.wake(&self.shared.label);
        drop(own);
    }
}

impl<T> Receiver<T> {
    /// Refuses a value from here on. A value that was sent before can still be received.
    ///
    /// ```
    /// use wakeful::sync::oneshot::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// receiver.close();
    /// assert_eq!(sender.send(1), Err(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn close(&mut self) {
        if let Some(shared) = &self.shared {
            shared.close();
        }
    }

    /// Whether the value or an error has been returned, so that the receiver must not be polled
    /// again.
    ///
    /// ```
    /// use wakeful::sync::oneshot;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// sender.send(1).unwrap();
    /// assert!(!receiver.is_terminated());
    /// receiver.try_recv().unwrap();
    /// assert!(receiver.is_terminated());
    /// ```
    pub fn is_terminated(&self) -> bool {
        self.shared.is_none()
    }

    /// Whether there is no value to receive now.
    ///
    /// ```
    /// use wakeful::sync::oneshot;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// assert!(receiver.is_empty());
    /// sender.send(1).unwrap();
    /// assert!(!receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        !self.shared.as_ref().is_some_and(|shared| shared.sent.get())
    }

    /// Returns the value if it has been sent.
    ///
    /// ```
    /// use wakeful::sync::oneshot::{self, error::TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no value yet, or there will be none.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let shared = self.shared.as_ref().ok_or(TryRecvError::Closed)?;
        let result = shared.take().ok_or(TryRecvError::Empty)?;
        self.finish();
        result.map_err(|RecvError(())| TryRecvError::Closed)
    }

    /// Gives up the shared part, once the value or an error is returned.
    #[inline]
    fn finish(&mut self) {
        if let Some(shared) = self.shared.take() {
            // The sender may live on. It is not to hold the waker of this task.
            let own = shared.receiver.take();
            drop(shared);
            drop(own);
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let Some(shared) = &self.shared else {
            panic!("a oneshot receiver was polled after it had returned its output");
        };
        let progress = ready!(coop::poll_proceed(cx));
        // SAFETY: the slot is a part of an allocation, which does not move.
        let result = ready!(unsafe {
            shared
                .receiver
                .poll(cx, &shared.label, || shared.take(), || ())
        });
        progress.made_progress();
        self.finish();
        Poll::Ready(result)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            let own = shared.receiver.take();
            let value = shared.value.take();
            shared.close();
            drop((own, value));
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("terminated", &self.is_terminated())
            .field("empty", &self.is_empty())
            .finish_non_exhaustive()
    }
}

/// Errors of the channel.
pub mod error {
    use std::error::Error;
    use std::fmt;

    /// Error of a [`Receiver`](super::Receiver): the sender was dropped without sending a value.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the oneshot channel was closed without a value")
        }
    }

    impl Error for RecvError {}

    /// Error of [`Receiver::try_recv`](super::Receiver::try_recv).
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum TryRecvError {
        /// No value has been sent yet.
        Empty,
        /// The sender was dropped without sending a value, or the value was received before.
        Closed,
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "the oneshot channel has no value yet",
                TryRecvError::Closed => "the oneshot channel was closed without a value",
            })
        }
    }

    impl Error for TryRecvError {}
}

//! `oneshot`: a channel for one value.
//!
//! The two halves share one allocation, whose memory a thread keeps for its next channels. For
//! tasks of one thread.
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

mod memory;

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

use self::error::{RecvError, TryRecvError};
use super::label::{Kind, Label};
use super::wait_list::OneThread;
use super::waker_slot::WakerSlot;
use crate::console::TELLS;
use crate::scope::on_drop;
use crate::task::coop;

/// What both halves share.
struct Shared<T> {
    /// The value, from `send` until it is received.
    value: Cell<Option<T>>,
    /// The constants below.
    state: Cell<u8>,
    /// Waker of the task that waits for the value.
    receiver: WakerSlot,
    /// Waker of the task that waits for the receiver to close.
    sender: WakerSlot,
    label: Label,
}

/// The sender has sent its value. Never cleared, as all of these.
const SENT: u8 = 1;
/// The sender is gone, with or without having sent a value.
const COMPLETE: u8 = 2;
/// The receiver accepts no value any more.
const CLOSED: u8 = 4;
/// The sender does not use the memory any more.
const SENDER_RELEASED: u8 = 8;
/// The receiver does not use the memory any more.
const RECEIVER_RELEASED: u8 = 16;

/// Pointer of one half to the shared part. `OWN` is the bit that its drop sets: `SENDER_RELEASED`
/// or `RECEIVER_RELEASED`. There is one pointer for each, and the last one frees the memory.
struct Half<T, const OWN: u8>(NonNull<Shared<T>>);

impl<T, const OWN: u8> Deref for Half<T, OWN> {
    type Target = Shared<T>;

    #[inline(always)]
    fn deref(&self) -> &Shared<T> {
        // SAFETY: the memory is freed when both halves have set their bits; this one has not.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Half<T, RECEIVER_RELEASED> {
    /// Whether the value has been sent, and the sender has given up the memory. With the feature
    /// `console` always false: then the parts have to be dropped.
    #[inline(always)]
    fn is_last(&self) -> bool {
        let both = SENT | SENDER_RELEASED;
        !TELLS && self.state.get() & both == both
    }

    /// Takes the value out and frees the memory, if [`is_last`](Self::is_last). Runs no user code.
    #[inline(always)]
    fn into_value(self) -> Option<T> {
        debug_assert!(self.is_last() && self.receiver.is_empty() && self.sender.is_empty());
        let value = self.value.take();
        // Each half has taken its waker out before, so nothing is left to be dropped.
        let memory = self.0;
        mem::forget(self);
        // SAFETY: the memory belongs to this half alone.
        unsafe { memory::free(memory) };
        value
    }
}

impl<T, const OWN: u8> Drop for Half<T, OWN> {
    #[inline]
    fn drop(&mut self) {
        let state = self.state.get() | OWN;
        self.state.set(state);
        if state & (SENDER_RELEASED | RECEIVER_RELEASED) == SENDER_RELEASED | RECEIVER_RELEASED {
            // SAFETY: both halves have given the memory up, so it belongs to this call.
            unsafe { drop_shared(self.0) };
        }
    }
}

/// Drops the shared part and frees its memory. Not inlined, as most channels end in
/// [`into_value`](Half::into_value).
///
/// # Safety
/// It is alive and belongs to the caller.
#[inline(never)]
unsafe fn drop_shared<T>(shared: NonNull<Shared<T>>) {
    // SAFETY: the caller's promise. The memory is freed after the drop below, also if the drop of a
    // waker or of the value panics.
    let _free = on_drop(|| unsafe { memory::free(shared) });
    // SAFETY: the caller's promise.
    unsafe { shared.drop_in_place() };
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
    let shared = memory::allocate::<Shared<T>>();
    // SAFETY: the memory is for a `Shared`.
    unsafe {
        shared.write(Shared {
            value: Cell::new(None),
            state: Cell::new(0),
            receiver: WakerSlot::new(),
            sender: WakerSlot::new(),
            label: Label::new(Kind::Oneshot),
        });
    }
    let sender = Sender {
        _one_thread: PhantomData,
        shared: Half(shared),
    };
    let receiver = Receiver {
        _one_thread: PhantomData,
        shared: Some(Half(shared)),
    };
    (sender, receiver)
}

/// Sends one value to a [`Receiver`]. If it is dropped without doing so, the receiver gets an
/// error.
pub struct Sender<T> {
    _one_thread: OneThread,
    shared: Half<T, SENDER_RELEASED>,
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
    shared: Option<Half<T, RECEIVER_RELEASED>>,
}

impl<T> Shared<T> {
    #[inline(always)]
    fn has(&self, bit: u8) -> bool {
        self.state.get() & bit != 0
    }

    #[inline(always)]
    fn set(&self, bits: u8) {
        self.state.set(self.state.get() | bits);
    }

    /// Marks the receiver as closed, and wakes the sender. Runs user code.
    fn close(&self) {
        self.set(CLOSED);
        self.sender.wake(&self.label);
    }

    /// Does what the drop of a receiver has to do that has not returned its output. Runs user code.
    #[inline(never)]
    fn abandon(&self) {
        let own = self.receiver.take();
        let value = self.value.take();
        self.close();
        self.receiver.given_up();
        drop((own, value));
    }

    /// Returns the value, or why there will be none. `None`: not yet. Runs no user code.
    #[inline]
    fn take(&self) -> Option<Result<T, RecvError>> {
        if self.has(SENT) {
            return Some(self.value.take().ok_or(RecvError(())));
        }
        self.has(COMPLETE | CLOSED).then_some(Err(RecvError(())))
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
        if self.shared.has(CLOSED) {
            return Err(value);
        }
        let none = self.shared.value.replace(Some(value));
        debug_assert!(none.is_none(), "a sender sends once");
        // It has no drop to run, but the compiler does not know.
        mem::forget(none);
        if self.shared.receiver.is_empty() && self.shared.sender.is_empty() {
            // All that the drops would do, as there is no waker. The receiver has not given up the
            // memory, as it would have closed the channel before.
            self.shared.set(SENT | COMPLETE | SENDER_RELEASED);
            mem::forget(self);
            return Ok(());
        }
        self.shared.set(SENT);
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
                self.0.shared.sender.given_up();
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
        self.shared.has(CLOSED)
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
        let attempt = || self.has(CLOSED).then_some(());
        // SAFETY: the slot is a part of an allocation, which does not move.
        ready!(unsafe { self.sender.poll(cx, &self.label, attempt, || ()) });
        progress.made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.set(COMPLETE);
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
        !self.shared.as_ref().is_some_and(|shared| shared.has(SENT))
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
        if shared.is_last() {
            progress.made_progress();
            let value = self.shared.take().and_then(Half::into_value);
            return Poll::Ready(value.ok_or(RecvError(())));
        }
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
    #[inline]
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.abandon();
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

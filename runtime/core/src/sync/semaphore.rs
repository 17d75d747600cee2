//! `Semaphore`: a number of permits, given out first come, first served.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::label::{Kind, Label};
use super::wait_list::{HasWaiters, Owner, Place, WaitList, Waiter};
use crate::task::coop;

mod permits;

pub use permits::{OwnedSemaphorePermit, SemaphorePermit};

/// Semaphore: tasks take permits from it and give them back. For tasks of one thread.
///
/// Waiting tasks are served in the order in which they began to wait. A task that needs many
/// permits is not overtaken by tasks that need fewer, so it can't starve.
///
/// A wait allocates nothing, and a wake takes constant time. [`acquire`](Self::acquire) consumes
/// the cooperative budget.
///
/// ```
/// use std::rc::Rc;
/// use wakeful::sync::Semaphore;
///
/// wakeful::block_on(async {
///     // At most two downloads at a time.
///     let semaphore = Rc::new(Semaphore::new(2));
///     let mut tasks = wakeful::task::JoinSet::new();
///     for _ in 0..5 {
///         let permit = semaphore.clone().acquire_owned().await.unwrap();
///         tasks.spawn(async move {
///             // Download, and give the permit back.
///             drop(permit);
///         });
///     }
///     while let Some(result) = tasks.join_next().await {
///         result.unwrap();
///     }
///     assert_eq!(semaphore.available_permits(), 2);
/// });
/// ```
pub struct Semaphore {
    waiters: WaitList<usize>,
    permits: Cell<usize>,
    closed: Cell<bool>,
    label: Label,
}

/// Value of a waiter that gets no permits, as the semaphore is closed.
const CLOSED: usize = usize::MAX;

// SAFETY: the list is a field.
unsafe impl HasWaiters for Semaphore {
    /// Number of permits that the waiter needs; [`CLOSED`] if it was taken out of the list without
    /// them.
    type Value = usize;

    #[inline]
    fn waiters(&self) -> &WaitList<usize> {
        &self.waiters
    }

    #[inline]
    fn label(&self) -> &Label {
        &self.label
    }
}

// A panic of a waker or of a task leaves the list and the number of permits in order.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

impl Semaphore {
    /// The largest number of permits that a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX >> 3;

    /// Returns a semaphore with a number of permits.
    ///
    /// # Panics
    ///
    /// If `permits` is greater than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Semaphore {
        Semaphore::const_new(permits)
    }

    /// Returns a semaphore with a number of permits, in constants too.
    ///
    /// ```
    /// use wakeful::sync::Semaphore;
    ///
    /// thread_local! {
    ///     static LIMIT: Semaphore = const { Semaphore::const_new(100) };
    /// }
    /// assert_eq!(LIMIT.with(Semaphore::available_permits), 100);
    /// ```
    ///
    /// # Panics
    ///
    /// If `permits` is greater than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub const fn const_new(permits: usize) -> Semaphore {
        Semaphore::labelled(permits, Kind::Semaphore)
    }

    /// Returns the semaphore of a primitive of another kind.
    #[track_caller]
    pub(crate) const fn labelled(permits: usize, kind: Kind) -> Semaphore {
        assert!(
            permits <= Semaphore::MAX_PERMITS,
            "a semaphore can't have more than MAX_PERMITS permits"
        );
        Semaphore {
            waiters: WaitList::new(),
            permits: Cell::new(permits),
            closed: Cell::new(false),
            label: Label::new(kind),
        }
    }

    /// Returns the number of permits that can be acquired at once. It is 0 while a task waits.
    pub fn available_permits(&self) -> usize {
        match self.waiters.is_empty() {
            true => self.permits.get(),
            false => 0,
        }
    }

    /// Adds permits, and wakes the tasks that get them.
    ///
    /// # Panics
    ///
    /// If the semaphore would have more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn add_permits(&self, permits: usize) {
        let sum = self.permits.get().saturating_add(permits);
        assert!(
            sum <= Semaphore::MAX_PERMITS,
            "add_permits({permits}): the semaphore has {} already, and MAX_PERMITS is {}",
            self.permits.get(),
            Semaphore::MAX_PERMITS
        );
        self.permits.set(sum);
        self.grant();
    }

    /// Removes up to `permits` permits that are available. Returns how many it has removed.
    pub fn forget_permits(&self, permits: usize) -> usize {
        let removed = self.available_permits().min(permits);
        self.permits.set(self.permits.get() - removed);
        removed
    }

    /// Closes the semaphore: no more permits are given out, and all waiting tasks get an error.
    ///
    /// ```
    /// use wakeful::sync::Semaphore;
    ///
    /// wakeful::block_on(async {
    ///     let semaphore = Semaphore::new(1);
    ///     semaphore.close();
    ///     assert!(semaphore.acquire().await.is_err());
    /// });
    /// ```
    pub fn close(&self) {
        self.closed.set(true);
        while let Some(popped) = self.waiters.pop_front(CLOSED) {
            popped.wake(&self.label);
        }
    }

    /// Whether the semaphore has been closed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Wakes the first waiters, as long as there are enough permits for them.
    #[inline]
    fn grant(&self) {
        while let Some(needed) = self.waiters.front()
            && needed <= self.permits.get()
        {
            self.permits.set(self.permits.get() - needed);
            if let Some(popped) = self.waiters.pop_front(needed) {
                popped.wake(&self.label);
            }
        }
    }

    /// Gives permits back that were taken by [`take`](Self::take).
    #[inline]
    pub(crate) fn give_back(&self, permits: usize) {
        // The sum may exceed MAX_PERMITS if permits were added meanwhile. A drop does not panic.
        self.permits.set(self.permits.get().saturating_add(permits));
        if !self.waiters.is_empty() {
            self.grant();
        }
    }

    /// Takes permits as [`take`](Self::take), and consumes budget. Without budget it takes none.
    ///
    /// This is the fast path of each `async fn` that acquires: it needs no waiter.
    #[inline]
    pub(crate) fn take_at_once(&self, permits: usize) -> bool {
        let available = self.waiters.is_empty() && self.permits.get() >= permits;
        if !available || self.closed.get() || !coop::try_consume() {
            return false;
        }
        self.permits.set(self.permits.get() - permits);
        true
    }

    /// Takes permits, if they are available and no task waits.
    #[inline]
    pub(crate) fn take(&self, permits: usize) -> Result<(), TryAcquireError> {
        if self.closed.get() {
            return Err(TryAcquireError::Closed);
        }
        if !self.waiters.is_empty() || self.permits.get() < permits {
            return Err(TryAcquireError::NoPermits);
        }
        self.permits.set(self.permits.get() - permits);
        Ok(())
    }

    /// Acquires one permit.
    ///
    /// # Errors
    ///
    /// If the semaphore is or becomes closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no permit is lost. But a call that is dropped loses its place among the
    /// waiting tasks.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        if !self.take_at_once(1) {
            Acquire::new(self, 1).await?;
        }
        Ok(SemaphorePermit::new(self, 1))
    }

    /// Acquires `permits` permits at once.
    ///
    /// # Errors
    ///
    /// If the semaphore is or becomes closed.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// ```
    /// use wakeful::sync::Semaphore;
    ///
    /// wakeful::block_on(async {
    ///     let semaphore = Semaphore::new(3);
    ///     let two = semaphore.acquire_many(2).await.unwrap();
    ///     assert_eq!(semaphore.available_permits(), 1);
    ///     drop(two);
    ///     assert_eq!(semaphore.available_permits(), 3);
    /// });
    /// ```
    pub async fn acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        if !self.take_at_once(permits as usize) {
            Acquire::new(self, permits as usize).await?;
        }
        Ok(SemaphorePermit::new(self, permits))
    }

    /// Acquires one permit if one is available and no task waits.
    ///
    /// # Errors
    ///
    /// If there is no permit, or the semaphore is closed.
    ///
    /// ```
    /// use wakeful::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// # drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Acquires `permits` permits if they are available and no task waits.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.take(permits as usize)?;
        Ok(SemaphorePermit::new(self, permits))
    }

    /// Acquires one permit, which keeps the semaphore alive.
    ///
    /// # Errors
    ///
    /// If the semaphore is or becomes closed.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
    pub async fn acquire_owned(self: Rc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        if !self.take_at_once(1) {
            Acquire::new(&*self, 1).await?;
        }
        Ok(OwnedSemaphorePermit::new(self, 1))
    }

    /// Acquires `permits` permits at once, which keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// If the semaphore is or becomes closed.
    ///
    /// # Cancel safety
    ///
    /// As for [`acquire`](Self::acquire).
    pub async fn acquire_many_owned(
        self: Rc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        if !self.take_at_once(permits as usize) {
            Acquire::new(&*self, permits as usize).await?;
        }
        Ok(OwnedSemaphorePermit::new(self, permits))
    }

    /// Acquires one permit, which keeps the semaphore alive, if one is available and no task waits.
    ///
    /// # Errors
    ///
    /// If there is no permit, or the semaphore is closed.
    pub fn try_acquire_owned(self: Rc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Acquires `permits` permits, which keep the semaphore alive, if they are available and no
    /// task waits.
    ///
    /// # Errors
    ///
    /// As for [`try_acquire_owned`](Self::try_acquire_owned).
    pub fn try_acquire_many_owned(
        self: Rc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.take(permits as usize)?;
        Ok(OwnedSemaphorePermit::new(self, permits))
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available_permits())
            .field("waiters", &self.waiters.count())
            .field("closed", &self.closed.get())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Future that takes permits from a semaphore. They belong to the caller once it is ready.
    pub(crate) struct Acquire<P>
    where
        P: Owner<Target = Semaphore>,
    {
        #[pin]
        waiter: Waiter<P>,
    }

    impl<P> PinnedDrop for Acquire<P>
    where
        P: Owner<Target = Semaphore>,
    {
        fn drop(this: Pin<&mut Self>) {
            if this.waiter.place() != Place::Outside {
                this.cancel();
            }
        }
    }
}

impl<P> Acquire<P>
where
    P: Owner<Target = Semaphore>,
{
    #[inline]
    pub(crate) fn new(semaphore: P, permits: usize) -> Acquire<P> {
        Acquire {
            waiter: Waiter::new(semaphore, permits),
        }
    }

    /// Leaves the list, or passes on the permits that were granted.
    #[cold]
    fn cancel(self: Pin<&mut Self>) {
        let mut waiter = self.project().waiter;
        let permits = waiter.value();
        // Dropped last, as that may run user code.
        let (place, _waker) = waiter.as_mut().remove();
        let semaphore = &**waiter.owner();
        match place {
            Place::Popped if permits != CLOSED => semaphore.give_back(permits),
            // The waiters behind it may need fewer permits.
            _ => semaphore.grant(),
        }
    }
}

impl<P> Future for Acquire<P>
where
    P: Owner<Target = Semaphore>,
{
    type Output = Result<(), AcquireError>;

    // The fast path is inlined into the caller's future, this is not.
    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        let mut this = self.project();
        ready!(this.waiter.as_mut().poll(cx, |waiter| {
            let semaphore = &**waiter.owner();
            match waiter.place() {
                Place::Popped if waiter.value() == CLOSED => Some(Err(AcquireError(()))),
                Place::Popped => Some(Ok(())),
                Place::Queued => None,
                Place::Outside => match semaphore.take(waiter.value()) {
                    Ok(()) => {
                        waiter.serve(waiter.value());
                        Some(Ok(()))
                    }
                    Err(TryAcquireError::Closed) => Some(Err(AcquireError(()))),
                    Err(TryAcquireError::NoPermits) => None,
                },
            }
        }))?;
        // A task without budget keeps the permits, or its place among the waiting tasks, until its
        // next poll.
        ready!(coop::poll_proceed(cx)).made_progress();
        // The permits are the caller's, so the drop gives nothing back.
        let (_, waker) = this.waiter.remove();
        debug_assert!(waker.is_none(), "it was taken when the waiter was served");
        Poll::Ready(Ok(()))
    }
}

/// Error of [`Semaphore::acquire`]: the semaphore is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireError(());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore is closed")
    }
}

impl Error for AcquireError {}

/// Error of [`Semaphore::try_acquire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore is closed.
    Closed,
    /// There are not enough permits, or other tasks wait for some.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "the semaphore is closed",
            TryAcquireError::NoPermits => "the semaphore has not enough permits",
        })
    }
}

impl Error for TryAcquireError {}

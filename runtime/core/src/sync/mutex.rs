//! `Mutex`: a lock that tasks wait for without blocking the loop.

use std::cell::UnsafeCell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::rc::Rc;

use super::label::{Kind, Label};
use super::semaphore::{Acquire, Semaphore};
use super::waits::Hold;

/// Lock for a value that tasks of one thread share. It may be held across an `.await`.
///
/// Where no guard is held across an `.await`, a `RefCell` is enough and faster. Tasks get the lock
/// in the order in which they began to wait.
///
/// A panic of the task that holds a guard releases the lock; there is no poison.
///
/// ```
/// use std::rc::Rc;
/// use wakeful::sync::Mutex;
///
/// wakeful::block_on(async {
///     let log = Rc::new(Mutex::new(Vec::new()));
///     let task = {
///         let log = log.clone();
///         wakeful::spawn(async move {
///             let mut log = log.lock().await;
///             log.push("begin");
///             wakeful::task::yield_now().await;
///             log.push("end");
///         })
///     };
///     wakeful::task::yield_now().await;
///     // Waits until the other task has released the lock.
///     assert_eq!(*log.lock().await, ["begin", "end"]);
///     task.await.unwrap();
/// });
/// ```
pub struct Mutex<T: ?Sized> {
    semaphore: Semaphore,
    value: UnsafeCell<T>,
}

impl<T> Mutex<T> {
    /// Returns an unlocked lock.
    #[track_caller]
    pub fn new(value: T) -> Mutex<T> {
        Mutex::const_new(value)
    }

    /// Returns an unlocked lock, in constants too.
    #[track_caller]
    pub const fn const_new(value: T) -> Mutex<T> {
        Mutex {
            semaphore: Semaphore::labelled(1, Kind::Mutex),
            value: UnsafeCell::new(value),
        }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks. Waits until no other task holds a guard.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe, but a call that is dropped loses its place among the waiting tasks.
    #[inline]
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        // The semaphore is never closed.
        let _ = Acquire::new(&self.semaphore, 1).await;
        self.guard()
    }

    /// Locks, with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As for [`lock`](Self::lock).
    pub async fn lock_owned(self: Rc<Self>) -> OwnedMutexGuard<T> {
        let _ = Acquire::new(&self.semaphore, 1).await;
        let hold = Hold::owned(self.label());
        OwnedMutexGuard { mutex: self, hold }
    }

    /// Locks if no task holds a guard and none waits.
    ///
    /// # Errors
    ///
    /// If the lock is held, or other tasks wait for it.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.semaphore.take(1) {
            Ok(()) => Ok(self.guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Locks if no task holds a guard and none waits, with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// If the lock is held, or other tasks wait for it.
    pub fn try_lock_owned(self: Rc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.semaphore.take(1) {
            Ok(()) => {
                let hold = Hold::owned(self.label());
                Ok(OwnedMutexGuard { mutex: self, hold })
            }
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Returns the value, without locking, as the lock is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Returns the guard of a permit that the caller has taken.
    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            mutex: self,
            hold: Hold::new(self.label()),
        }
    }

    #[inline]
    fn label(&self) -> &Label {
        use super::wait_list::HasWaiters;
        self.semaphore.label()
    }

    /// Releases the lock.
    #[inline]
    fn unlock(&self, hold: &mut Hold) {
        hold.end(self.label());
        self.semaphore.give_back(1);
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(value) => f.field("value", &&*value),
            Err(_) => f.field("value", &format_args!("<locked>")),
        };
        f.finish_non_exhaustive()
    }
}

/// Guard of a [`Mutex`]. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    hold: Hold,
}

/// Guard of a [`Mutex`] that keeps the lock alive. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct OwnedMutexGuard<T: ?Sized> {
    mutex: Rc<Mutex<T>>,
    hold: Hold,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Returns the lock of a guard.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }

    /// Narrows the guard to a part of the value.
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        let part = ptr::from_mut(part(&mut this));
        MappedMutexGuard::new(this, part)
    }

    /// Narrows the guard to a part of the value, if there is one; returns the guard otherwise.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        match part(&mut this).map(ptr::from_mut) {
            Some(part) => Ok(MappedMutexGuard::new(this, part)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// Returns the lock of a guard.
    pub fn mutex(this: &Self) -> &Rc<Mutex<T>> {
        &this.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the only permit of the semaphore belongs to this guard, so there is no other.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the only permit of the semaphore belongs to this guard, so there is no other.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.unlock(&mut self.hold);
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.unlock(&mut self.hold);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Guard of a part of the value of a [`Mutex`]. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    semaphore: &'a Semaphore,
    hold: Hold,
    value: *mut T,
    _borrow: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// `value` is a part of the value of the guard.
    fn new<U: ?Sized>(guard: MutexGuard<'a, U>, value: *mut T) -> MappedMutexGuard<'a, T> {
        let mut guard = ManuallyDrop::new(guard);
        MappedMutexGuard {
            semaphore: &guard.mutex.semaphore,
            hold: std::mem::replace(&mut guard.hold, Hold::none()),
            value,
            _borrow: PhantomData,
        }
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the permit belongs to this guard, and the value lives as long as the lock.
        unsafe { &*self.value }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.value }
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    fn drop(&mut self) {
        use super::wait_list::HasWaiters;
        self.hold.end(self.semaphore.label());
        self.semaphore.give_back(1);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Error of [`Mutex::try_lock`] and of the locks of an [`RwLock`](super::RwLock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held, or other tasks wait for it")
    }
}

impl Error for TryLockError {}

//! `Mutex`: a lock that tasks wait for without blocking the loop.

use std::cell::UnsafeCell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::rc::Rc;

use super::held::{Held, Lock, Part, formatted};
use super::label::Kind;
use super::semaphore::{Acquire, Semaphore};
use super::wait_list::OneThread;

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

impl<T: ?Sized> Lock for Mutex<T> {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }
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
        if !self.semaphore.take_at_once(1) {
            // The semaphore is never closed.
            let _ = Acquire::new(&self.semaphore, 1).await;
        }
        MutexGuard {
            _one_thread: PhantomData,
            held: Held::new(self, 1),
        }
    }

    /// Locks, with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As for [`lock`](Self::lock).
    ///
    /// ```
    /// use std::rc::Rc;
    /// use wakeful::sync::Mutex;
    ///
    /// wakeful::block_on(async {
    ///     let mutex = Rc::new(Mutex::new(1));
    ///     let mut guard = mutex.clone().lock_owned().await;
    ///     wakeful::spawn(async move { *guard += 1 }).await.unwrap();
    ///     assert_eq!(*mutex.lock().await, 2);
    /// });
    /// ```
    pub async fn lock_owned(self: Rc<Self>) -> OwnedMutexGuard<T> {
        if !self.semaphore.take_at_once(1) {
            // The semaphore is never closed.
            let _ = Acquire::new(&self.semaphore, 1).await;
        }
        OwnedMutexGuard {
            _one_thread: PhantomData,
            held: Held::owned(self, 1),
        }
    }

    /// Locks if no task holds a guard and none waits.
    ///
    /// # Errors
    ///
    /// If the lock is held, or other tasks wait for it.
    ///
    /// ```
    /// use wakeful::sync::Mutex;
    ///
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_err());
    /// drop(guard);
    /// assert!(mutex.try_lock().is_ok());
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.semaphore.take(1) {
            Ok(()) => Ok(MutexGuard {
                _one_thread: PhantomData,
                held: Held::new(self, 1),
            }),
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
            Ok(()) => Ok(OwnedMutexGuard {
                _one_thread: PhantomData,
                held: Held::owned(self, 1),
            }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Returns the value, without locking, as the lock is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
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
    _one_thread: OneThread,
    held: Held<&'a Mutex<T>>,
}

/// Guard of a [`Mutex`] that keeps the lock alive. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct OwnedMutexGuard<T: ?Sized> {
    _one_thread: OneThread,
    held: Held<Rc<Mutex<T>>>,
}

/// Guard of a part of the value of a [`Mutex`]. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    _one_thread: OneThread,
    held: Held<&'a Semaphore>,
    value: Part<*mut T>,
    _borrow: PhantomData<&'a mut T>,
}

/// Guard of a part of the value of a [`Mutex`] that keeps the lock alive. Its drop releases the
/// lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    _one_thread: OneThread,
    held: Held<Rc<Mutex<T>>>,
    value: Part<*mut U>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Returns the lock of a guard.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.held.lock
    }

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// use wakeful::sync::{Mutex, MutexGuard};
    ///
    /// wakeful::block_on(async {
    ///     let mutex = Mutex::new(("name", 1));
    ///     let mut number = MutexGuard::map(mutex.lock().await, |pair| &mut pair.1);
    ///     *number += 1;
    ///     drop(number);
    ///     assert_eq!(*mutex.lock().await, ("name", 2));
    /// });
    /// ```
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        let value = ptr::from_mut(part(&mut this));
        MappedMutexGuard {
            _one_thread: PhantomData,
            held: this.held.of_semaphore(),
            value: Part(value),
            _borrow: PhantomData,
        }
    }

    /// Narrows the guard to a part of the value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        let Some(value) = part(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        Ok(MappedMutexGuard {
            _one_thread: PhantomData,
            held: this.held.of_semaphore(),
            value: Part(value),
            _borrow: PhantomData,
        })
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// Narrows the guard to a part of its value. See [`MutexGuard::map`].
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        MappedMutexGuard {
            _one_thread: PhantomData,
            value: Part(ptr::from_mut(part(&mut this))),
            held: this.held,
            _borrow: PhantomData,
        }
    }

    /// Narrows the guard to a part of its value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        let Some(value) = part(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        Ok(MappedMutexGuard {
            _one_thread: PhantomData,
            held: this.held,
            value: Part(value),
            _borrow: PhantomData,
        })
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// Returns the lock of a guard.
    pub fn mutex(this: &Self) -> &Rc<Mutex<T>> {
        &this.held.lock
    }

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use wakeful::sync::{Mutex, OwnedMutexGuard};
    ///
    /// wakeful::block_on(async {
    ///     let mutex = Rc::new(Mutex::new(("name", 1)));
    ///     let guard = mutex.clone().lock_owned().await;
    ///     let mut number = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
    ///     *number += 1;
    ///     drop(number);
    ///     assert_eq!(*mutex.lock().await, ("name", 2));
    /// });
    /// ```
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedMappedMutexGuard<T, U> {
        OwnedMappedMutexGuard {
            _one_thread: PhantomData,
            value: Part(ptr::from_mut(part(&mut this))),
            held: this.held,
        }
    }

    /// Narrows the guard to a part of the value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedMutexGuard<T, U>, Self> {
        match part(&mut this).map(ptr::from_mut) {
            Some(value) => Ok(OwnedMappedMutexGuard {
                _one_thread: PhantomData,
                value: Part(value),
                held: this.held,
            }),
            None => Err(this),
        }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// Narrows the guard to a part of its value. See [`OwnedMutexGuard::map`].
    pub fn map<S: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut U) -> &mut S,
    ) -> OwnedMappedMutexGuard<T, S> {
        OwnedMappedMutexGuard {
            _one_thread: PhantomData,
            value: Part(ptr::from_mut(part(&mut this))),
            held: this.held,
        }
    }

    /// Narrows the guard to a part of its value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<S: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut U) -> Option<&mut S>,
    ) -> Result<OwnedMappedMutexGuard<T, S>, Self> {
        match part(&mut this).map(ptr::from_mut) {
            Some(value) => Ok(OwnedMappedMutexGuard {
                _one_thread: PhantomData,
                value: Part(value),
                held: this.held,
            }),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the only permit of the semaphore belongs to this guard, so there is no other.
        unsafe { &*self.held.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.held.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the only permit of the semaphore belongs to this guard, so there is no other.
        unsafe { &*self.held.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.held.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the permit belongs to this guard, and the value lives as long as the lock.
        unsafe { &*self.value.0 }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.value.0 }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedMappedMutexGuard<T, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the permit belongs to this guard, which keeps the lock and its value alive.
        unsafe { &*self.value.0 }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedMutexGuard<T, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.value.0 }
    }
}

formatted!(['a, T: ?Sized] MutexGuard<'a, T>, T);
formatted!([T: ?Sized] OwnedMutexGuard<T>, T);
formatted!(['a, T: ?Sized] MappedMutexGuard<'a, T>, T);
formatted!([T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U);

/// Error of [`Mutex::try_lock`] and of the locks of an [`RwLock`](super::RwLock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held, or other tasks wait for it")
    }
}

impl Error for TryLockError {}

//! `RwLock`: a lock with one writer or many readers.

use std::cell::UnsafeCell;
use std::fmt;
use std::rc::Rc;

use super::held::{Held, Lock};
use super::label::Kind;
use super::mutex::TryLockError;
use super::semaphore::{Acquire, Semaphore};

mod guards;

pub use guards::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

/// The largest number of readers.
const MAX_READERS: u32 = u32::MAX >> 3;

/// Lock for a value that many tasks of one thread read at a time, or one changes. It may be held
/// across an `.await`.
///
/// Where no guard is held across an `.await`, a `RefCell` is enough and faster. Tasks get the lock
/// in the order in which they began to wait: a reader that comes after a waiting writer waits for
/// it, so writers do not starve. A task that holds a read guard must not wait for a second one, as
/// a writer may wait between them.
///
/// A panic of the task that holds a guard releases the lock; there is no poison.
///
/// ```
/// use wakeful::sync::RwLock;
///
/// wakeful::block_on(async {
///     let lock = RwLock::new(5);
///     {
///         let (first, second) = (lock.read().await, lock.read().await);
///         assert_eq!(*first + *second, 10);
///         assert!(lock.try_write().is_err());
///     }
///     *lock.write().await += 1;
///     assert_eq!(*lock.read().await, 6);
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    /// A reader has one permit, a writer all of them.
    semaphore: Semaphore,
    max_readers: u32,
    value: UnsafeCell<T>,
}

impl<T: ?Sized> Lock for RwLock<T> {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }
}

impl<T> RwLock<T> {
    /// Returns an unlocked lock.
    #[track_caller]
    pub fn new(value: T) -> RwLock<T> {
        RwLock::const_new(value)
    }

    /// Returns an unlocked lock, in constants too.
    #[track_caller]
    pub const fn const_new(value: T) -> RwLock<T> {
        RwLock::const_with_max_readers(value, MAX_READERS)
    }

    /// Returns an unlocked lock that at most `max_readers` readers hold at a time.
    ///
    /// # Panics
    ///
    /// If `max_readers` is 0 or greater than `u32::MAX >> 3`.
    ///
    /// ```
    /// use wakeful::sync::RwLock;
    ///
    /// let lock = RwLock::with_max_readers(5, 1);
    /// let reader = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_err());
    /// # drop(reader);
    /// ```
    #[track_caller]
    pub fn with_max_readers(value: T, max_readers: u32) -> RwLock<T> {
        RwLock::const_with_max_readers(value, max_readers)
    }

    /// As [`with_max_readers`](Self::with_max_readers), in constants too.
    ///
    /// # Panics
    ///
    /// If `max_readers` is 0 or greater than `u32::MAX >> 3`.
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_readers: u32) -> RwLock<T> {
        assert!(
            0 < max_readers && max_readers <= MAX_READERS,
            "the number of readers of an RwLock has to be from 1 to u32::MAX >> 3"
        );
        RwLock {
            semaphore: Semaphore::labelled(max_readers as usize, Kind::RwLock),
            max_readers,
            value: UnsafeCell::new(value),
        }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading. Waits until no task holds a write guard, and no task that began to wait
    /// earlier waits for one.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe, but a call that is dropped loses its place among the waiting tasks.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        if !self.semaphore.take_at_once(1) {
            // The semaphore is never closed.
            let _ = Acquire::new(&self.semaphore, 1).await;
        }
        RwLockReadGuard::new(Held::new(self, 1))
    }

    /// Locks for reading, with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As for [`read`](Self::read).
    ///
    /// ```
    /// use std::rc::Rc;
    /// use wakeful::sync::RwLock;
    ///
    /// wakeful::block_on(async {
    ///     let lock = Rc::new(RwLock::new(1));
    ///     let guard = lock.clone().read_owned().await;
    ///     let task = wakeful::spawn(async move { *guard + 1 });
    ///     assert_eq!(task.await.unwrap(), 2);
    /// });
    /// ```
    pub async fn read_owned(self: Rc<Self>) -> OwnedRwLockReadGuard<T> {
        if !self.semaphore.take_at_once(1) {
            // The semaphore is never closed.
            let _ = Acquire::new(&self.semaphore, 1).await;
        }
        OwnedRwLockReadGuard::new(Held::owned(self, 1))
    }

    /// Locks for reading, if no task holds a write guard and none waits.
    ///
    /// # Errors
    ///
    /// If the lock is held by a writer or by the maximum of readers, or other tasks wait for it.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.take(1)?;
        Ok(RwLockReadGuard::new(Held::new(self, 1)))
    }

    /// Locks for reading, if no task holds a write guard and none waits, with a guard that keeps
    /// the lock alive.
    ///
    /// # Errors
    ///
    /// As for [`try_read`](Self::try_read).
    pub fn try_read_owned(self: Rc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.take(1)?;
        Ok(OwnedRwLockReadGuard::new(Held::owned(self, 1)))
    }

    /// Locks for writing. Waits until no other task holds a guard.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe, but a call that is dropped loses its place among the waiting tasks.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        if !self.semaphore.take_at_once(self.max_readers as usize) {
            // The semaphore is never closed.
            let _ = Acquire::new(&self.semaphore, self.max_readers as usize).await;
        }
        RwLockWriteGuard::new(Held::new(self, self.max_readers))
    }

    /// Locks for writing, with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As for [`write`](Self::write).
    pub async fn write_owned(self: Rc<Self>) -> OwnedRwLockWriteGuard<T> {
        let all = self.max_readers;
        if !self.semaphore.take_at_once(all as usize) {
            // The semaphore is never closed.
            let _ = Acquire::new(&self.semaphore, all as usize).await;
        }
        OwnedRwLockWriteGuard::new(Held::owned(self, all))
    }

    /// Locks for writing, if no task holds a guard and none waits.
    ///
    /// # Errors
    ///
    /// If the lock is held, or other tasks wait for it.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.take(self.max_readers)?;
        Ok(RwLockWriteGuard::new(Held::new(self, self.max_readers)))
    }

    /// Locks for writing, if no task holds a guard and none waits, with a guard that keeps the lock
    /// alive.
    ///
    /// # Errors
    ///
    /// As for [`try_write`](Self::try_write).
    pub fn try_write_owned(self: Rc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        let all = self.max_readers;
        self.take(all)?;
        Ok(OwnedRwLockWriteGuard::new(Held::owned(self, all)))
    }

    /// Returns the value, without locking, as the lock is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Takes permits if they are available and no task waits.
    #[inline]
    fn take(&self, permits: u32) -> Result<(), TryLockError> {
        let taken = self.semaphore.take(permits as usize);
        taken.map_err(|_| TryLockError(()))
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(value) => f.field("value", &&*value),
            Err(_) => f.field("value", &format_args!("<locked>")),
        };
        f.finish_non_exhaustive()
    }
}

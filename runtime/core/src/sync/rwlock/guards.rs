//! Guards of an `RwLock`.
//!
//! A guard of a part of the value points to it. The pointer stays valid for as long as the guard
//! has its permits: the value is in the lock, which the guard borrows or keeps alive, and no guard
//! of another kind exists meanwhile.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::rc::Rc;

use super::RwLock;
use crate::sync::held::{Held, Part, formatted};
use crate::sync::semaphore::Semaphore;
use crate::sync::wait_list::OneThread;

/// Read guard of an [`RwLock`], of the value or of a part of it. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    _one_thread: OneThread,
    held: Held<&'a Semaphore>,
    value: Part<*const T>,
    _borrow: PhantomData<&'a T>,
}

/// Write guard of an [`RwLock`]. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    _one_thread: OneThread,
    held: Held<&'a RwLock<T>>,
}

/// Write guard of a part of the value of an [`RwLock`]. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    _one_thread: OneThread,
    held: Held<&'a Semaphore>,
    value: Part<*mut T>,
    _borrow: PhantomData<&'a mut T>,
}

/// Read guard of an [`RwLock`], of the value or of a part of it, that keeps the lock alive. Its
/// drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    _one_thread: OneThread,
    held: Held<Rc<RwLock<T>>>,
    value: Part<*const U>,
}

/// Write guard of an [`RwLock`] that keeps the lock alive. Its drop releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    _one_thread: OneThread,
    held: Held<Rc<RwLock<T>>>,
}

/// Write guard of a part of the value of an [`RwLock`] that keeps the lock alive. Its drop releases
/// the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    _one_thread: OneThread,
    held: Held<Rc<RwLock<T>>>,
    value: Part<*mut U>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    #[inline]
    pub(super) fn new(held: Held<&'a RwLock<T>>) -> RwLockReadGuard<'a, T> {
        let value = held.lock.value.get().cast_const();
        RwLockReadGuard::of(held.of_semaphore(), value)
    }

    #[inline]
    fn of(held: Held<&'a Semaphore>, value: *const T) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard {
            _one_thread: PhantomData,
            held,
            value: Part(value),
            _borrow: PhantomData,
        }
    }

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// use wakeful::sync::{RwLock, RwLockReadGuard};
    ///
    /// let lock = RwLock::new(("name", 1));
    /// let number = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.1);
    /// assert_eq!(*number, 1);
    /// ```
    pub fn map<U: ?Sized>(this: Self, part: impl FnOnce(&T) -> &U) -> RwLockReadGuard<'a, U> {
        let value = ptr::from_ref(part(&this));
        RwLockReadGuard::of(this.held, value)
    }

    /// Narrows the guard to a part of the value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        match part(&this).map(ptr::from_ref) {
            Some(value) => Ok(RwLockReadGuard::of(this.held, value)),
            None => Err(this),
        }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    #[inline]
    pub(super) fn new(held: Held<&'a RwLock<T>>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard {
            _one_thread: PhantomData,
            held,
        }
    }

    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// use wakeful::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(("name", 1));
    /// let mut number = RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.1);
    /// *number += 1;
    /// drop(number);
    /// assert_eq!(*lock.try_read().unwrap(), ("name", 2));
    /// ```
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U> {
        let value = ptr::from_mut(part(&mut this));
        RwLockMappedWriteGuard::of(this.held.of_semaphore(), value)
    }

    /// Narrows the guard to a part of the value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        let Some(value) = part(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        let held = this.held.of_semaphore();
        Ok(RwLockMappedWriteGuard::of(held, value))
    }

    /// Returns the guard as one of a part, which is the whole value here.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockWriteGuard::map(this, |value| value)
    }

    /// Turns the guard into a read guard. No other writer gets the lock in between; readers that
    /// wait before the next writer get it.
    ///
    /// ```
    /// use wakeful::sync::RwLock;
    ///
    /// wakeful::block_on(async {
    ///     let lock = RwLock::new(1);
    ///     let mut writer = lock.write().await;
    ///     *writer += 1;
    ///     let reader = writer.downgrade();
    ///     assert_eq!((*reader, *lock.read().await), (2, 2));
    /// });
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        RwLockWriteGuard::downgrade_map(self, |value| value)
    }

    /// Turns the guard into a read guard of a part of the value. See
    /// [`downgrade`](Self::downgrade).
    pub fn downgrade_map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&T) -> &U,
    ) -> RwLockReadGuard<'a, U> {
        let value = ptr::from_ref(part(&this));
        let mut held = this.held.of_semaphore();
        held.keep(1);
        RwLockReadGuard::of(held, value)
    }

    /// Turns the guard into a read guard of a part of the value. See
    /// [`downgrade`](Self::downgrade).
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_downgrade_map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        let Some(value) = part(&this).map(ptr::from_ref) else {
            return Err(this);
        };
        let mut held = this.held.of_semaphore();
        held.keep(1);
        Ok(RwLockReadGuard::of(held, value))
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    #[inline]
    fn of(held: Held<&'a Semaphore>, value: *mut T) -> RwLockMappedWriteGuard<'a, T> {
        RwLockMappedWriteGuard {
            _one_thread: PhantomData,
            held,
            value: Part(value),
            _borrow: PhantomData,
        }
    }

    /// Narrows the guard to a part of its value.
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> RwLockMappedWriteGuard<'a, U> {
        let value = ptr::from_mut(part(&mut this));
        RwLockMappedWriteGuard::of(this.held, value)
    }

    /// Narrows the guard to a part of its value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        let Some(value) = part(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        Ok(RwLockMappedWriteGuard::of(this.held, value))
    }
}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    #[inline]
    pub(super) fn new(held: Held<Rc<RwLock<T>>>) -> OwnedRwLockReadGuard<T> {
        let value = held.lock.value.get().cast_const();
        OwnedRwLockReadGuard {
            _one_thread: PhantomData,
            held,
            value: Part(value),
        }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// Narrows the guard to a part of its value.
    pub fn map<V: ?Sized>(this: Self, part: impl FnOnce(&U) -> &V) -> OwnedRwLockReadGuard<T, V> {
        OwnedRwLockReadGuard {
            _one_thread: PhantomData,
            value: Part(ptr::from_ref(part(&this))),
            held: this.held,
        }
    }

    /// Narrows the guard to a part of its value.
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_map<V: ?Sized>(
        this: Self,
        part: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<OwnedRwLockReadGuard<T, V>, Self> {
        match part(&this).map(ptr::from_ref) {
            Some(value) => Ok(OwnedRwLockReadGuard {
                _one_thread: PhantomData,
                value: Part(value),
                held: this.held,
            }),
            None => Err(this),
        }
    }

    /// Returns the lock of a guard.
    pub fn rwlock(this: &Self) -> &Rc<RwLock<T>> {
        &this.held.lock
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    #[inline]
    pub(super) fn new(held: Held<Rc<RwLock<T>>>) -> OwnedRwLockWriteGuard<T> {
        OwnedRwLockWriteGuard {
            _one_thread: PhantomData,
            held,
        }
    }

    /// Narrows the guard to a part of the value.
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedRwLockMappedWriteGuard<T, U> {
        OwnedRwLockMappedWriteGuard {
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
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self> {
        match part(&mut this).map(ptr::from_mut) {
            Some(value) => Ok(OwnedRwLockMappedWriteGuard {
                _one_thread: PhantomData,
                value: Part(value),
                held: this.held,
            }),
            None => Err(this),
        }
    }

    /// Returns the guard as one of a part, which is the whole value here.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        OwnedRwLockWriteGuard::map(this, |value| value)
    }

    /// Turns the guard into a read guard. See [`RwLockWriteGuard::downgrade`].
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        OwnedRwLockWriteGuard::downgrade_map(self, |value| value)
    }

    /// Turns the guard into a read guard of a part of the value. See
    /// [`RwLockWriteGuard::downgrade`].
    pub fn downgrade_map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&T) -> &U,
    ) -> OwnedRwLockReadGuard<T, U> {
        let value = ptr::from_ref(part(&this));
        let mut held = this.held;
        held.keep(1);
        OwnedRwLockReadGuard {
            _one_thread: PhantomData,
            held,
            value: Part(value),
        }
    }

    /// Turns the guard into a read guard of a part of the value. See
    /// [`RwLockWriteGuard::downgrade`].
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn try_downgrade_map<U: ?Sized>(
        this: Self,
        part: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self> {
        let Some(value) = part(&this).map(ptr::from_ref) else {
            return Err(this);
        };
        let mut held = this.held;
        held.keep(1);
        Ok(OwnedRwLockReadGuard {
            _one_thread: PhantomData,
            held,
            value: Part(value),
        })
    }

    /// Returns the lock of a guard.
    pub fn rwlock(this: &Self) -> &Rc<RwLock<T>> {
        &this.held.lock
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// Narrows the guard to a part of its value.
    pub fn map<V: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedRwLockMappedWriteGuard<T, V> {
        OwnedRwLockMappedWriteGuard {
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
    pub fn try_map<V: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self> {
        match part(&mut this).map(ptr::from_mut) {
            Some(value) => Ok(OwnedRwLockMappedWriteGuard {
                _one_thread: PhantomData,
                value: Part(value),
                held: this.held,
            }),
            None => Err(this),
        }
    }

    /// Returns the lock of a guard.
    pub fn rwlock(this: &Self) -> &Rc<RwLock<T>> {
        &this.held.lock
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: see the top of this file. Beside a read guard there are only read guards.
        unsafe { &*self.value.0 }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: all permits belong to this guard, so there is no other.
        unsafe { &*self.held.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.held.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockMappedWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: see the top of this file. Beside a write guard there is no other guard.
        unsafe { &*self.value.0 }
    }
}

impl<T: ?Sized> DerefMut for RwLockMappedWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.value.0 }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockReadGuard<T, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: see the top of this file. Beside a read guard there are only read guards.
        unsafe { &*self.value.0 }
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: all permits belong to this guard, so there is no other.
        unsafe { &*self.held.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.held.lock.value.get() }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockMappedWriteGuard<T, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: see the top of this file. Beside a write guard there is no other guard.
        unsafe { &*self.value.0 }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedRwLockMappedWriteGuard<T, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.value.0 }
    }
}

formatted!(['a, T: ?Sized] RwLockReadGuard<'a, T>, T);
formatted!(['a, T: ?Sized] RwLockWriteGuard<'a, T>, T);
formatted!(['a, T: ?Sized] RwLockMappedWriteGuard<'a, T>, T);
formatted!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U);
formatted!([T: ?Sized] OwnedRwLockWriteGuard<T>, T);
formatted!([T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U);

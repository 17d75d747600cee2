//! Permits of a `Semaphore`, as objects.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use super::Semaphore;
use crate::sync::wait_list::OneThread;
use crate::sync::waits::Hold;

/// Permit of a [`Semaphore`], or several. Its drop gives them back.
#[must_use = "the permits are given back when this is dropped"]
pub struct SemaphorePermit<'a> {
    _one_thread: OneThread,
    semaphore: &'a Semaphore,
    permits: u32,
    hold: Hold,
}

/// Permit of a [`Semaphore`], or several, that keeps the semaphore alive. Its drop gives them back.
#[must_use = "the permits are given back when this is dropped"]
pub struct OwnedSemaphorePermit {
    _one_thread: OneThread,
    semaphore: Rc<Semaphore>,
    permits: u32,
    hold: Hold,
}

impl<'a> SemaphorePermit<'a> {
    /// Returns the permit object of permits that the caller has taken.
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, permits: u32) -> SemaphorePermit<'a> {
        SemaphorePermit {
            _one_thread: PhantomData,
            hold: Hold::new(&semaphore.label),
            semaphore,
            permits,
        }
    }

    /// Drops the permits without giving them back: the semaphore has fewer from here on.
    ///
    /// ```
    /// use wakeful::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(2);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to this one.
    ///
    /// # Panics
    ///
    /// If they are of different semaphores, or more than `u32::MAX` together.
    #[track_caller]
    pub fn merge(&mut self, mut other: SemaphorePermit<'a>) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "permits of different semaphores can't be merged"
        );
        let sum = self.permits.checked_add(other.permits);
        self.permits = sum.expect("a permit object has at most u32::MAX permits");
        other.permits = 0;
    }

    /// Splits `permits` permits off. `None` if this has fewer.
    ///
    /// ```
    /// use wakeful::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let mut permits = semaphore.try_acquire_many(3).unwrap();
    /// let one = permits.split(1).unwrap();
    /// drop(permits);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # drop(one);
    /// ```
    pub fn split(&mut self, permits: usize) -> Option<SemaphorePermit<'a>> {
        let permits = u32::try_from(permits).ok()?;
        self.permits = self.permits.checked_sub(permits)?;
        Some(SemaphorePermit::new(self.semaphore, permits))
    }

    /// Returns the number of permits.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// Returns the semaphore.
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }
}

impl OwnedSemaphorePermit {
    /// Returns the permit object of permits that the caller has taken.
    #[inline]
    pub(super) fn new(semaphore: Rc<Semaphore>, permits: u32) -> OwnedSemaphorePermit {
        OwnedSemaphorePermit {
            _one_thread: PhantomData,
            hold: Hold::owned(&semaphore.label),
            semaphore,
            permits,
        }
    }

    /// Drops the permits without giving them back: the semaphore has fewer from here on.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds the permits of `other` to this one.
    ///
    /// # Panics
    ///
    /// If they are of different semaphores, or more than `u32::MAX` together.
    #[track_caller]
    pub fn merge(&mut self, mut other: OwnedSemaphorePermit) {
        assert!(
            Rc::ptr_eq(&self.semaphore, &other.semaphore),
            "permits of different semaphores can't be merged"
        );
        let sum = self.permits.checked_add(other.permits);
        self.permits = sum.expect("a permit object has at most u32::MAX permits");
        other.permits = 0;
    }

    /// Splits `permits` permits off. `None` if this has fewer.
    pub fn split(&mut self, permits: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(permits).ok()?;
        self.permits = self.permits.checked_sub(permits)?;
        Some(OwnedSemaphorePermit::new(self.semaphore.clone(), permits))
    }

    /// Returns the number of permits.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }

    /// Returns the semaphore.
    pub fn semaphore(&self) -> &Rc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.hold.end(&self.semaphore.label);
        self.semaphore.give_back(self.permits as usize);
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.hold.end(&self.semaphore.label);
        self.semaphore.give_back(self.permits as usize);
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedSemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSemaphorePermit")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}

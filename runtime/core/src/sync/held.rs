//! What the guards of a lock have in common: permits of its semaphore, and the record of who holds
//! them.

use std::mem::{self, ManuallyDrop};
use std::ops::Deref;
use std::rc::Rc;

use super::label::Label;
use super::semaphore::Semaphore;
use super::wait_list::HasWaiters;
use super::waits::Hold;

/// Lock that is made of a semaphore.
pub(crate) trait Lock {
    fn semaphore(&self) -> &Semaphore;
}

impl Lock for Semaphore {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        self
    }
}

/// Pointer to a part of the value of a lock.
///
/// The compiler's message about a guard that is sent to another thread begins with the outermost
/// type that is not `Send`. As this wraps the pointer, that is the marker `OneThread` of the guard.
pub(crate) struct Part<P>(pub(crate) P);

/// Permits of a lock, as part of a guard. The drop gives them back, which wakes the next waiters.
pub(crate) struct Held<P>
where
    P: Deref<Target: Lock>,
{
    pub(crate) lock: P,
    permits: u32,
    hold: Hold,
}

impl<'a, L: ?Sized + Lock> Held<&'a L> {
    /// Returns the guard of permits that the caller has taken.
    #[inline]
    pub(crate) fn new(lock: &'a L, permits: u32) -> Held<&'a L> {
        let hold = Hold::new(lock.semaphore().label());
        Held {
            lock,
            permits,
            hold,
        }
    }
}

impl<L: ?Sized + Lock> Held<Rc<L>> {
    /// Returns the guard of permits that the caller has taken.
    #[inline]
    pub(crate) fn owned(lock: Rc<L>, permits: u32) -> Held<Rc<L>> {
        let hold = Hold::owned(lock.semaphore().label());
        Held {
            lock,
            permits,
            hold,
        }
    }
}

impl<P> Held<P>
where
    P: Deref<Target: Lock>,
{
    /// Gives all permits but `permits` back.
    #[inline]
    pub(crate) fn keep(&mut self, permits: u32) {
        let surplus = self.permits - permits;
        self.permits = permits;
        self.lock.semaphore().give_back(surplus as usize);
    }
}

impl<'a, L: ?Sized + Lock> Held<&'a L> {
    /// Replaces the lock by its semaphore, as the type of a guard of a part of the value does not
    /// name the type of the whole.
    #[inline]
    pub(crate) fn of_semaphore(self) -> Held<&'a Semaphore> {
        let mut this = ManuallyDrop::new(self);
        Held {
            lock: this.lock.semaphore(),
            permits: this.permits,
            hold: mem::replace(&mut this.hold, Hold::none()),
        }
    }
}

impl<P> Drop for Held<P>
where
    P: Deref<Target: Lock>,
{
    #[inline]
    fn drop(&mut self) {
        let semaphore = self.lock.semaphore();
        let label: &Label = semaphore.label();
        self.hold.end(label);
        semaphore.give_back(self.permits as usize);
    }
}

/// Implements `Debug` and `Display` for a guard, as those of its value.
macro_rules! formatted {
    ([$($generics:tt)*] $guard:ty, $value:ty) => {
        impl<$($generics)*> std::fmt::Debug for $guard
        where
            $value: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($generics)*> std::fmt::Display for $guard
        where
            $value: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}
pub(super) use formatted;

//! Boxes of finished calls, for reuse by later calls.

use std::any::Any;
use std::cell::RefCell;

/// Most boxes that are kept; further ones are freed.
const MAX_BOXES: usize = 128;

/// Largest box that is kept, in bytes. The cost of a larger call is not that of its allocation.
const MAX_SIZE: usize = 1024;

/// Stack of boxes that hold no value in use: they serve as memory only.
#[derive(Default)]
pub(in crate::shard) struct CallPool(RefCell<Vec<Box<dyn Any + Send>>>);

impl CallPool {
    /// Takes the box that was kept last, if it is of this type. Otherwise frees it, so that boxes
    /// of a type which is no longer called leave the pool.
    #[inline]
    pub(in crate::shard) fn take<T: Any>(&self) -> Option<Box<T>> {
        let last = self.0.borrow_mut().pop()?;
        last.downcast().ok()
    }

    /// Keeps a box for reuse, or frees it.
    #[inline]
    pub(in crate::shard) fn keep<T: Any + Send>(&self, empty: Box<T>) {
        let mut pool = self.0.borrow_mut();
        if size_of::<T>() <= MAX_SIZE && pool.len() < MAX_BOXES {
            pool.push(empty);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_reused_for_its_own_type_only() {
        let pool = CallPool::default();
        let first = Box::new(1_u64);
        let place = &raw const *first;
        pool.keep(first);
        let again = pool.take::<u64>().expect("it was kept");
        assert_eq!(&raw const *again, place);
        pool.keep(again);
        assert_eq!(pool.take::<i64>(), None);
        // It was freed when another type was asked for.
        assert_eq!(pool.take::<u64>(), None);
    }

    #[test]
    fn at_most_the_limit_is_kept() {
        let pool = CallPool::default();
        (0..=MAX_BOXES).for_each(|n| pool.keep(Box::new(n)));
        let kept = std::iter::from_fn(|| pool.take::<usize>()).count();
        assert_eq!(kept, MAX_BOXES);
    }

    #[test]
    fn only_small_boxes_are_kept() {
        let pool = CallPool::default();
        pool.keep(Box::new([0_u8; MAX_SIZE]));
        assert!(pool.take::<[u8; MAX_SIZE]>().is_some());
        pool.keep(Box::new([0_u8; MAX_SIZE + 1]));
        assert!(pool.take::<[u8; MAX_SIZE + 1]>().is_none());
    }
}

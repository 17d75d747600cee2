//! The boxes of calls that came home, for the calls that come after them.

use std::any::Any;
use std::cell::RefCell;

/// More of them than this are given back to the allocator.
const KEPT: usize = 128;

/// So are larger ones, in bytes: what they cost is not the allocator's.
const KEPT_SIZE: usize = 1024;

/// Nothing is in them any more: they are only memory.
#[derive(Default)]
pub(in crate::shard) struct Boxes(RefCell<Vec<Box<dyn Any + Send>>>);

impl Boxes {
    /// The last one that was kept, if it is of this type. If it is not, it is given back, so that a type
    /// which is called no more doesn't stand in the way of others for long.
    #[inline]
    pub(in crate::shard) fn take<T: Any>(&self) -> Option<Box<T>> {
        let last = self.0.borrow_mut().pop()?;
        last.downcast().ok()
    }

    #[inline]
    pub(in crate::shard) fn keep<T: Any + Send>(&self, empty: Box<T>) {
        let mut boxes = self.0.borrow_mut();
        if size_of::<T>() <= KEPT_SIZE && boxes.len() < KEPT {
            boxes.push(empty);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_used_again_for_its_type_and_no_other() {
        let boxes = Boxes::default();
        let first = Box::new(1_u64);
        let place = &raw const *first;
        boxes.keep(first);
        let again = boxes.take::<u64>().expect("it was kept");
        assert_eq!(&raw const *again, place);
        boxes.keep(again);
        assert_eq!(boxes.take::<i64>(), None);
        // It was in the way.
        assert_eq!(boxes.take::<u64>(), None);
    }

    #[test]
    fn only_so_many_are_kept() {
        let boxes = Boxes::default();
        (0..=KEPT).for_each(|n| boxes.keep(Box::new(n)));
        let kept = std::iter::from_fn(|| boxes.take::<usize>()).count();
        assert_eq!(kept, KEPT);
    }

    #[test]
    fn only_small_ones_are_kept() {
        let boxes = Boxes::default();
        boxes.keep(Box::new([0_u8; KEPT_SIZE]));
        assert!(boxes.take::<[u8; KEPT_SIZE]>().is_some());
        boxes.keep(Box::new([0_u8; KEPT_SIZE + 1]));
        assert!(boxes.take::<[u8; KEPT_SIZE + 1]>().is_none());
    }
}

//! The messages of a channel.

use std::cell::UnsafeCell;
use std::collections::VecDeque;

/// First-in, first-out queue behind a shared reference. It stays on one thread.
///
/// A reference to the `VecDeque` exists only within a method. The methods move values and drop
/// none, so no user code runs there, which could call a second method meanwhile.
pub(super) struct Queue<T>(UnsafeCell<VecDeque<T>>);

impl<T> Queue<T> {
    /// Returns an empty queue, without an allocation.
    pub(super) const fn new() -> Queue<T> {
        Queue(UnsafeCell::new(VecDeque::new()))
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        // SAFETY: there is no other reference, see `Queue`.
        unsafe { &*self.0.get() }.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(super) fn push(&self, value: T) {
        // SAFETY: there is no other reference, see `Queue`.
        unsafe { &mut *self.0.get() }.push_back(value);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<T> {
        // SAFETY: there is no other reference, see `Queue`.
        unsafe { &mut *self.0.get() }.pop_front()
    }

    /// Moves the first `count` values, or all if there are fewer, to the end of `buffer`. Returns
    /// how many there were.
    pub(super) fn pop_many(&self, buffer: &mut Vec<T>, count: usize) -> usize {
        let count = count.min(self.len());
        buffer.reserve(count);
        // SAFETY: there is no other reference, see `Queue`.
        let queue = unsafe { &mut *self.0.get() };
        buffer.extend(queue.drain(..count));
        count
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn pop_many_moves_no_more_than_there_are() {
        let queue = Queue::new();
        (0..5).for_each(|number| queue.push(number));
        let mut buffer = vec![9];
        assert_eq!(queue.pop_many(&mut buffer, 2), 2);
        assert_eq!(queue.pop(), Some(2));
        assert_eq!(queue.pop_many(&mut buffer, usize::MAX), 2);
        assert_eq!(queue.pop_many(&mut buffer, usize::MAX), 0);
        assert_eq!((buffer, queue.is_empty()), (vec![9, 0, 1, 3, 4], true));
    }
}

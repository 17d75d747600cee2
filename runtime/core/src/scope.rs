//! Actions that run at the end of a scope, also if it ends with a panic.

use std::cell::Cell;

/// Guard that calls its function when it is dropped.
#[must_use = "the function is called when the guard is dropped"]
pub(crate) struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    #[inline(always)]
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Returns a guard that calls `f` when it is dropped.
#[inline(always)]
pub(crate) fn on_drop<F: FnMut()>(f: F) -> OnDrop<F> {
    OnDrop(f)
}

/// Calls `f` with `value` in the cell, and restores the previous value afterwards.
#[inline(always)]
pub(crate) fn scoped_set<T: Copy, R>(cell: &Cell<T>, value: T, f: impl FnOnce() -> R) -> R {
    let before = cell.replace(value);
    let _restore = on_drop(|| cell.set(before));
    f()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::unwind::catch_panic;

    #[test]
    fn the_value_is_restored_after_a_return_and_after_a_panic() {
        let cell = Cell::new(1);
        assert_eq!(scoped_set(&cell, 2, || cell.get()), 2);
        assert_eq!(cell.get(), 1);
        catch_panic(|| scoped_set(&cell, 3, || panic!("inside the scope")));
        assert_eq!(cell.get(), 1);
    }

    #[test]
    fn a_guard_that_is_forgotten_does_nothing() {
        let called = Cell::new(false);
        std::mem::forget(on_drop(|| called.set(true)));
        assert!(!called.get());
        drop(on_drop(|| called.set(true)));
        assert!(called.get());
    }
}

//! The primitives of `sync` in the trace: which one's waiter is being woken, and the table of those
//! that occur in records.

use std::cell::Cell;
use std::panic::Location;

thread_local! {
    /// The primitive whose waiter this thread is waking.
    static WAKING: Cell<Option<Made>> = const { Cell::new(None) };
}

/// Kind of a primitive, and where it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) kind: &'static str,
    pub(super) at: &'static Location<'static>,
}

impl Made {
    /// Whether both are the same. Quick, and false for some that are equal.
    fn is(self, other: Made) -> bool {
        std::ptr::eq(self.at, other.at) && std::ptr::eq(self.kind, other.kind)
    }
}

/// Guard for the wake of a waiter of a primitive.
#[must_use]
pub(crate) struct Through(Option<Made>);

/// Notes that the wakes of this thread come from a primitive, until the returned guard is dropped
/// or the thread polls a task.
#[inline]
pub(crate) fn through(kind: &'static str, made_at: &'static Location<'static>) -> Through {
    let made = Made { kind, at: made_at };
    Through(WAKING.replace(Some(made)))
}

impl Drop for Through {
    #[inline]
    fn drop(&mut self) {
        WAKING.set(self.0);
    }
}

/// Returns the primitive whose waiter this thread is waking.
pub(super) fn waking() -> Option<Made> {
    WAKING.get()
}

/// Notes that what follows does not come from a primitive: a foreign waker may run a loop.
#[inline]
pub(super) fn begin_other() {
    WAKING.set(None);
}

/// Table of the primitives that occur in records. A program has as many as places in its code that
/// make one.
#[derive(Default)]
pub(super) struct Primitives(Vec<Made>);

impl Primitives {
    /// Returns the index of a primitive, which never changes.
    pub(super) fn place(&mut self, made: Made) -> usize {
        let known = self.0.iter().position(|known| known.is(made));
        known.unwrap_or_else(|| {
            self.0.push(made);
            self.0.len() - 1
        })
    }

    pub(super) fn all(&self) -> &[Made] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primitive_keeps_its_index() {
        let mut table = Primitives::default();
        let make = |kind, at| Made { kind, at };
        let (one, other) = (Location::caller(), other_place());
        assert_eq!(table.place(make("mutex", one)), 0);
        assert_eq!(table.place(make("mutex", other)), 1);
        assert_eq!(table.place(make("notify", one)), 2);
        assert_eq!(table.place(make("mutex", one)), 0);
        assert_eq!(table.all().len(), 3);
    }

    fn other_place() -> &'static Location<'static> {
        Location::caller()
    }

    #[test]
    fn the_end_of_an_inner_wake_restores_the_outer_one() {
        let at = Location::caller();
        let kind = || waking().map(|made| made.kind);
        let outer = through("mutex", at);
        let inner = through("notify", at);
        assert_eq!(kind(), Some("notify"));
        drop(inner);
        assert_eq!(kind(), Some("mutex"));
        begin_other();
        assert_eq!(kind(), None);
        drop(outer);
        assert_eq!(kind(), None);
    }
}

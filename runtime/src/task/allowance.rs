//! What a poll may do before it should return. The loop hands it out with one store a poll.

use std::cell::Cell;

/// Operations that one poll of a task may complete before it is asked to give way.
pub(crate) const BUDGET: u8 = 128;

/// Outside a task, and inside `unconstrained`: no limit.
pub(super) const NO_LIMIT: u8 = u8::MAX;

/// One store: the two bytes are written together.
#[derive(Clone, Copy)]
#[repr(C, align(2))]
struct Allowance {
    units: u8,
    /// Nobody has asked yet how long this poll has been going on.
    fresh: bool,
}

thread_local! {
    static ALLOWANCE: Cell<Allowance> = const {
        Cell::new(Allowance {
            units: NO_LIMIT,
            fresh: false,
        })
    };
}

/// Takes the limit off again when the loop leaves its tasks, also by a panic.
pub(crate) struct Limited(());

/// The loop turns to its tasks.
pub(crate) fn limited() -> Limited {
    Limited(())
}

impl Limited {
    /// Gives the poll that follows a fresh budget.
    #[inline(always)]
    pub(crate) fn refill(&self) {
        ALLOWANCE.set(Allowance {
            units: BUDGET,
            fresh: true,
        });
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        ALLOWANCE.set(Allowance {
            units: NO_LIMIT,
            fresh: false,
        });
    }
}

/// Operations left.
#[inline(always)]
pub(super) fn units() -> u8 {
    ALLOWANCE.with(|cell| cell.get().units)
}

#[inline(always)]
pub(super) fn set_units(units: u8) {
    ALLOWANCE.with(|cell| {
        cell.set(Allowance {
            units,
            ..cell.get()
        });
    });
}

#[inline(always)]
pub(super) fn is_fresh() -> bool {
    ALLOWANCE.with(|cell| cell.get().fresh)
}

/// Was it the first question of this poll? It no longer is.
pub(super) fn take_fresh() -> bool {
    ALLOWANCE.with(|cell| {
        let allowance = cell.get();
        cell.set(Allowance {
            fresh: false,
            ..allowance
        });
        allowance.fresh
    })
}

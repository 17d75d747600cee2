//! What a poll may do before it should return. The loop hands it out with one store a poll.

use std::cell::Cell;

/// Operations that one poll of a task may complete before it is asked to give way.
pub(crate) const BUDGET: u8 = 128;

/// Outside a task, and inside `unconstrained`: no limit.
pub(super) const NO_LIMIT: u8 = u8::MAX;

/// How often a poll may be refused before it has no limit any more.
///
/// A poll that is refused returns to the loop, which gives the next one a fresh budget. One that goes on asking
/// may be a future of many parts, each of which asks once. Or what asks is not polled by the loop but by
/// something inside the poll that doesn't return before it has its result, such as another crate's `block_on`:
/// it would be refused for ever.
const REFUSALS: u32 = 1_024;

/// Nothing has asked yet how long this poll has been going on.
const FRESH: u8 = 1;
/// The poll has been refused, as often as `REFUSED` says.
const COUNTED: u8 = 2;

/// One store: the two bytes are written together.
#[derive(Clone, Copy)]
#[repr(C, align(2))]
struct Budget {
    units: u8,
    /// `FRESH`, `COUNTED`.
    bits: u8,
}

thread_local! {
    static BUDGET_LEFT: Cell<Budget> = const {
        Cell::new(Budget {
            units: NO_LIMIT,
            bits: 0,
        })
    };
    /// Refusals of this poll, if it is `COUNTED`.
    static REFUSED: Cell<u32> = const { Cell::new(0) };
}

/// Takes the limit off again when the loop leaves its tasks, also by a panic.
pub(crate) struct BudgetGuard(());

/// The loop turns to its tasks.
pub(crate) fn limited() -> BudgetGuard {
    BudgetGuard(())
}

impl BudgetGuard {
    /// Gives the poll that follows a fresh budget.
    #[inline(always)]
    pub(crate) fn refill(&self) {
        BUDGET_LEFT.set(Budget {
            units: BUDGET,
            bits: FRESH,
        });
    }
}

impl Drop for BudgetGuard {
    fn drop(&mut self) {
        BUDGET_LEFT.set(Budget {
            units: NO_LIMIT,
            bits: 0,
        });
    }
}

/// Operations left.
#[inline(always)]
pub(super) fn units() -> u8 {
    BUDGET_LEFT.with(|cell| cell.get().units)
}

#[inline(always)]
pub(super) fn set_units(units: u8) {
    BUDGET_LEFT.with(|cell| {
        cell.set(Budget {
            units,
            ..cell.get()
        });
    });
}

#[inline(always)]
pub(super) fn is_fresh() -> bool {
    BUDGET_LEFT.with(|cell| cell.get().bits & FRESH != 0)
}

/// Was it the first question of this poll? It no longer is.
pub(super) fn take_fresh() -> bool {
    BUDGET_LEFT.with(|cell| {
        let budget = cell.get();
        cell.set(Budget {
            bits: budget.bits & !FRESH,
            ..budget
        });
        budget.bits & FRESH != 0
    })
}

/// The poll is told to return. `false`: it has been told so too often, and has no limit from here on.
#[cold]
#[inline(never)]
pub(super) fn refuse() -> bool {
    BUDGET_LEFT.with(|cell| {
        let budget = cell.get();
        let before = if budget.bits & COUNTED == 0 {
            0
        } else {
            REFUSED.get()
        };
        REFUSED.set(before + 1);
        let refused = before < REFUSALS;
        cell.set(Budget {
            units: if refused { budget.units } else { NO_LIMIT },
            bits: budget.bits | COUNTED,
        });
        refused
    })
}

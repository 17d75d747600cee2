//! Budget of a poll: the operations that it may complete before it should return. The loop refills
//! it with one store per poll.

use std::cell::Cell;

/// Number of operations that one poll of a task may complete before it should yield.
pub(crate) const BUDGET: u8 = 128;

/// Units outside a task, and inside `unconstrained`: no limit.
pub(super) const NO_LIMIT: u8 = u8::MAX;

/// Number of times that a poll may be refused before it has no limit any more.
///
/// Usually a refused poll returns to the loop, which refills the budget for the next one. A poll
/// that is refused many times may be that of a future with many parts, each of which is refused
/// once. Or it is polled by code inside of the poll that does not return before it has a result,
/// such as another crate's `block_on`, and would be refused forever.
const REFUSALS: u32 = 1_024;

/// `should_yield` has not been called in this poll.
const FRESH: u8 = 1;
/// The poll has been refused; `REFUSED` is the number of times.
const COUNTED: u8 = 2;

/// Budget of the current poll. The two bytes are written with one store.
#[derive(Clone, Copy)]
#[repr(C, align(2))]
struct Budget {
    units: u8,
    /// `FRESH` and `COUNTED`.
    bits: u8,
}

thread_local! {
    static BUDGET_LEFT: Cell<Budget> = const {
        Cell::new(Budget {
            units: NO_LIMIT,
            bits: 0,
        })
    };
    /// Number of refusals of this poll, if it is `COUNTED`.
    static REFUSED: Cell<u32> = const { Cell::new(0) };
}

/// Guard of the time during which the loop runs tasks. Its drop removes the limit, also in a panic.
pub(crate) struct BudgetGuard(());

/// Returns a guard for the time during which the loop runs tasks.
pub(crate) fn limited() -> BudgetGuard {
    BudgetGuard(())
}

impl BudgetGuard {
    /// Refills the budget for the next poll.
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

/// Returns the number of units left.
#[inline(always)]
pub(super) fn units() -> u8 {
    BUDGET_LEFT.with(|cell| cell.get().units)
}

/// Sets the number of units left.
#[inline(always)]
pub(super) fn set_units(units: u8) {
    BUDGET_LEFT.with(|cell| {
        cell.set(Budget {
            units,
            ..cell.get()
        });
    });
}

/// Whether `should_yield` has not been called in this poll.
#[inline(always)]
pub(super) fn is_fresh() -> bool {
    BUDGET_LEFT.with(|cell| cell.get().bits & FRESH != 0)
}

/// Clears `FRESH`. Returns whether it was set.
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

/// Refuses an operation of this poll, which should return. `false`: the poll has been refused too
/// often, and has no limit from here on.
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

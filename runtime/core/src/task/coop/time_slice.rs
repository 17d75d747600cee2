//! Time slice of a poll: how long it may compute before it should yield.
//!
//! [`should_yield`] counts its calls, and reads the clock after as many calls as were made in about
//! 25 µs before. Whether a poll is a new one is a byte next to the budget, so one store sets both.

use std::cell::Cell;
use std::time::Duration;

use super::budget::{self, NO_LIMIT};
use crate::time::clock;

/// Default time that a poll may compute, in nanoseconds.
const QUOTA: u64 = 500_000;

/// Intended time between two reads of the clock, in nanoseconds.
const CLOCK_INTERVAL: u64 = 25_000;

/// Maximum number of calls between two reads of the clock.
const MAX_STEP: u32 = 1 << 16;

thread_local! {
    /// Calls until the next read of the clock.
    static LEFT: Cell<u32> = const { Cell::new(1) };
    static SLICE: Cell<Slice> = const {
        Cell::new(Slice {
            step: 8,
            began: 0,
            last_read: 0,
            quota: QUOTA,
            has_urgent: None,
        })
    };
}

/// Time slice of the current poll.
#[derive(Clone, Copy)]
struct Slice {
    /// Calls between two reads of the clock.
    step: u32,
    /// Time of the first call in this poll.
    began: u64,
    /// Time of the last read of the clock.
    last_read: u64,
    quota: u64,
    /// Whether an urgent task is ready. Called at each read of the clock.
    has_urgent: Option<fn() -> bool>,
}

/// Sets the time slice of the next polls.
pub(crate) fn set(quota: Duration, has_urgent: Option<fn() -> bool>) {
    let quota = u64::try_from(quota.as_nanos()).unwrap_or(u64::MAX);
    SLICE.with(|cell| {
        cell.set(Slice {
            quota,
            has_urgent,
            ..cell.get()
        });
    });
}

/// Sets the default time slice.
pub(crate) fn reset() {
    set(Duration::from_nanos(QUOTA), None);
}

/// Whether a long computation should yield to other tasks.
///
/// `true` once the poll has computed for longer than the quota of its class, 0.5 ms by default, or
/// if a task of a class with a latency is ready. Call it in the loop of a computation, and if it is
/// `true`, await [`yield_now`](crate::task::yield_now). A call costs 1 to 2 ns. The time counts
/// from the first call in a poll. Outside a runtime, and inside
/// [`unconstrained`](super::unconstrained), it is always `false`.
///
/// ```
/// use wakeful::task::{should_yield, yield_now};
///
/// async fn sum(numbers: &[u64]) -> u64 {
///     let mut sum = 0;
///     for number in numbers {
///         sum += number;
///         if should_yield() {
///             yield_now().await;
///         }
///     }
///     sum
/// }
/// assert_eq!(wakeful::block_on(sum(&[1, 2, 3])), 6);
/// ```
#[inline]
pub fn should_yield() -> bool {
    LEFT.with(|left| {
        if left.get() > 1 && !budget::is_fresh() {
            left.set(left.get() - 1);
            return false;
        }
        check_clock(left)
    })
}

#[cold]
#[inline(never)]
fn check_clock(left: &Cell<u32>) -> bool {
    if budget::units() == NO_LIMIT {
        return false;
    }
    let now = clock::ticks();
    let mut slice = SLICE.with(Cell::get);
    if budget::take_fresh() {
        // A new poll, perhaps of another task that calls less often.
        slice.began = now;
        slice.step = (slice.step / 4).max(8);
    } else {
        let took = now.saturating_sub(slice.last_read);
        if took < CLOCK_INTERVAL / 2 {
            slice.step = (slice.step * 2).min(MAX_STEP);
        } else if took > CLOCK_INTERVAL {
            slice.step = (slice.step / 2).max(1);
        }
    }
    slice.last_read = now;
    SLICE.with(|cell| cell.set(slice));
    let over = now.saturating_sub(slice.began) >= slice.quota;
    let should_yield = (over || slice.has_urgent.is_some_and(|has_urgent| has_urgent()))
        // A poll that can't return to the loop is not refused forever.
        && budget::refuse();
    // The next call in the same poll reads the clock again.
    left.set(if should_yield { 1 } else { slice.step });
    should_yield
}

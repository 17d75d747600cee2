//! When a long computation should give way.
//!
//! A poll that computes asks [`should_yield`] as often as it likes. That is a count, and every so
//! many counts a look at the clock: so many as are made in about 25 µs.

use std::cell::Cell;
use std::time::Duration;

use super::budget::{self, NO_LIMIT};
use crate::time::clock;

/// How long a poll may compute where nobody said otherwise, in nanoseconds.
const QUOTA: u64 = 500_000;

/// How often the clock should be looked at, in nanoseconds.
const LOOK: u64 = 25_000;

const MOST: u32 = 1 << 16;

thread_local! {
    /// Questions until the next look at the clock.
    static LEFT: Cell<u32> = const { Cell::new(1) };
    static STATE: Cell<State> = const {
        Cell::new(State {
            step: 8,
            began: 0,
            looked: 0,
            quota: QUOTA,
            has_urgent: None,
        })
    };
}

#[derive(Clone, Copy)]
struct State {
    /// Questions between two looks.
    step: u32,
    /// When the poll was first seen, and the last look.
    began: u64,
    looked: u64,
    quota: u64,
    /// Must someone not wait? Asked at each look.
    has_urgent: Option<fn() -> bool>,
}

/// What holds for the polls to come.
pub(crate) fn set(quota: Duration, has_urgent: Option<fn() -> bool>) {
    let quota = u64::try_from(quota.as_nanos()).unwrap_or(u64::MAX);
    STATE.with(|cell| {
        cell.set(State {
            quota,
            has_urgent,
            ..cell.get()
        });
    });
}

/// What holds without classes.
pub(crate) fn reset() {
    set(Duration::from_nanos(QUOTA), None);
}

/// Should a long computation give way to others? `true` once the poll has computed for longer than
/// the quota of its class, 0.5 ms by default, or when a task of a class with a latency is ready.
///
/// Ask it in the loop of a computation, and if it says yes, await
/// [`yield_now`](crate::task::yield_now). It costs a nanosecond or two. The time counts from the first
/// question of a poll. Outside a runtime, and inside
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
        look(left)
    })
}

#[cold]
#[inline(never)]
fn look(left: &Cell<u32>) -> bool {
    if budget::units() == NO_LIMIT {
        return false;
    }
    let now = clock::ticks();
    let mut state = STATE.with(Cell::get);
    if budget::take_fresh() {
        // A new poll, perhaps of something else that asks less often.
        state.began = now;
        state.step = (state.step / 4).max(8);
    } else {
        let took = now.saturating_sub(state.looked);
        if took < LOOK / 2 {
            state.step = (state.step * 2).min(MOST);
        } else if took > LOOK {
            state.step = (state.step / 2).max(1);
        }
    }
    state.looked = now;
    STATE.with(|cell| cell.set(state));
    let over = now.saturating_sub(state.began) >= state.quota;
    let give_way = (over || state.has_urgent.is_some_and(|has_urgent| has_urgent()))
        // What can't return to the loop is not told so for ever.
        && budget::refuse();
    // Whoever asks again in the same poll is told again.
    left.set(if give_way { 1 } else { state.step });
    give_way
}

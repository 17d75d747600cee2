//! `Interval`: periodic ticks.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::instant::Instant;
use super::sleep::Sleep;
use crate::console::Timer;

/// Makes an interval that ticks now, and then once every `period`.
///
/// # Panics
///
/// If the period is zero, or outside a runtime. The interval panics if it waits after its runtime
/// was dropped.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{Instant, interval};
///
/// wakeful::block_on(async {
///     let mut ticks = interval(Duration::from_millis(1));
///     let first = ticks.tick().await;
///     let second = ticks.tick().await;
///     assert_eq!(second - first, Duration::from_millis(1));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Makes an interval that ticks at `start`, and then once every `period`.
///
/// # Panics
///
/// If the period is zero, or outside a runtime. The interval panics if it waits after its runtime
/// was dropped.
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{Instant, interval_at};
///
/// wakeful::block_on(async {
///     let start = Instant::now() + Duration::from_millis(1);
///     let mut ticks = interval_at(start, Duration::from_millis(1));
///     assert_eq!(ticks.tick().await, start);
/// });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "the period of an interval is 0: it would tick without end"
    );
    let missed = MissedTickBehavior::default();
    Interval {
        due: start,
        sleep: Box::pin(Sleep::until(Timer::Interval, start)),
        period,
        missed,
    }
}

/// How an interval treats ticks that were not polled in time.
///
/// With a period of 10, a tick taken at 0, and the next call of [`tick`](Interval::tick) at 35:
///
/// | | ticks come at |
/// | --- | --- |
/// | `Burst` | 35, 35, 35, 40, 50 |
/// | `Delay` | 35, 45, 55 |
/// | `Skip` | 35, 40, 50 |
///
/// ```
/// use std::time::Duration;
/// use wakeful::time::{MissedTickBehavior, interval};
///
/// wakeful::block_on(async {
///     let mut ticks = interval(Duration::from_secs(1));
///     ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
///     ticks.tick().await;
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Missed ticks follow immediately, one after the other.
    #[default]
    Burst,
    /// The period begins anew with the late tick.
    Delay,
    /// Missed ticks are skipped; ticks stay at multiples of the period from the start.
    Skip,
}

impl MissedTickBehavior {
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        let next = match self {
            MissedTickBehavior::Burst => due.checked_add(period),
            MissedTickBehavior::Delay => now.checked_add(period),
            MissedTickBehavior::Skip => {
                let late = (now - due).as_nanos() % period.as_nanos();
                // Fits, as it is smaller than the period.
                let late =
                    Duration::new((late / 1_000_000_000) as u64, (late % 1_000_000_000) as u32);
                now.checked_add(period - late)
            }
        };
        next.unwrap_or_else(Instant::far_future)
    }
}

/// Periodic ticks, made by [`interval`] and [`interval_at`].
pub struct Interval {
    due: Instant,
    sleep: Pin<Box<Sleep>>,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and returns the time at which it was due.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no tick is lost.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.sleep.as_mut().poll(cx));
        let due = self.due;
        let now = Instant::now();
        // Up to 5 ms late is not missed: the loop also runs other tasks.
        let next = if now > due + Duration::from_millis(5) {
            self.missed.next(due, now, self.period)
        } else {
            due.checked_add(self.period)
                .unwrap_or_else(Instant::far_future)
        };
        self.reset_at(next);
        Poll::Ready(due)
    }

    /// Sets the next tick to one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Sets the next tick to now.
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// Sets the next tick to `after` from now.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(Instant::after(after));
    }

    /// Sets the next tick to `deadline`.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.due = deadline;
        self.sleep.as_mut().reset(deadline);
    }

    /// Returns how missed ticks are treated.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets how missed ticks are treated.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// Returns the time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("period", &self.period)
            .field("missed_tick_behavior", &self.missed)
            .finish_non_exhaustive()
    }
}

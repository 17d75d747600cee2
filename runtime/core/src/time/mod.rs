//! Time: sleeps, timeouts, intervals, and a clock that tests can stop.

pub(crate) mod clock;
pub(crate) mod driver;
mod instant;
mod interval;
mod pause;
mod sleep;
pub(crate) mod stamp;
mod timeout;
mod wheel;

pub use std::time::Duration;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

/// The errors of this module.
pub mod error {
    pub use super::timeout::Elapsed;
}

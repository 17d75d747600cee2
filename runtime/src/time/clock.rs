//! The clock of a loop: the system's, or one that a test moves by hand. The one file that reads the
//! system's clock.

use std::cell::Cell;
use std::time::Duration;

/// Nanoseconds since the clock was made. They last for 584 years.
#[derive(Debug)]
pub(crate) struct Clock {
    base: std::time::Instant,
    /// Stopped at this many nanoseconds.
    stopped: Cell<Option<u64>>,
    /// How far virtual time has run ahead of the system's, in nanoseconds; behind if negative.
    ahead: Cell<i64>,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The system's clock.
pub(super) fn system_now() -> std::time::Instant {
    std::time::Instant::now()
}

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock {
            base: system_now(),
            stopped: Cell::new(None),
            ahead: Cell::new(0),
        }
    }

    /// Time that has really passed.
    #[inline]
    pub(crate) fn real(&self) -> u64 {
        nanos(self.base.elapsed())
    }

    /// The time that timers go by.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.at(self.real())
    }

    /// The time that timers go by, when the real one is known.
    #[inline]
    pub(crate) fn at(&self, real: u64) -> u64 {
        match self.stopped.get() {
            Some(stopped) => stopped,
            None => real.saturating_add_signed(self.ahead.get()),
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.stopped.get().is_some()
    }

    pub(crate) fn pause(&self) {
        self.stopped.set(Some(self.now()));
    }

    pub(crate) fn resume(&self) {
        if let Some(stopped) = self.stopped.take() {
            self.ahead
                .set(stopped.wrapping_sub(self.real()).cast_signed());
        }
    }

    /// Moves a stopped clock forward to `nanos`. It never goes back.
    pub(crate) fn advance_to(&self, nanos: u64) {
        if let Some(stopped) = self.stopped.get() {
            self.stopped.set(Some(stopped.max(nanos)));
        }
    }

    /// A point of the clock as one of the system's.
    pub(super) fn to_instant(&self, nanos: u64) -> std::time::Instant {
        self.base
            .checked_add(Duration::from_nanos(nanos))
            .unwrap_or(self.base)
    }

    /// A point of the system's clock as one of this clock. What lies before the clock was made is
    /// its beginning.
    pub(super) fn to_nanos(&self, instant: std::time::Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.base))
    }
}

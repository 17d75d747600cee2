//! The settings of the trace in the builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::level::{Level, Trouble};
use super::output::Output;
use super::snapshot::Snapshot;

/// Settings of a recorder.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) level: Level,
    pub(crate) capacity: usize,
    /// The length above which a poll is a stall.
    pub(crate) stall: Duration,
    pub(crate) hook: Option<Hook>,
    /// The largest number of events a second, roughly; 0 if there is no limit.
    pub(crate) rate: u32,
    /// Where the environment wants the trace.
    pub(super) output: Option<Output>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            level: Level::Off,
            capacity: 65_536,
            stall: Duration::from_millis(100),
            hook: None,
            rate: 0,
            output: None,
        }
    }
}

type Callback = dyn Fn(Trouble, &Snapshot) + Send + Sync;

/// Callback for trouble.
#[derive(Clone)]
pub(crate) struct Hook(Arc<Callback>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(Trouble, &Snapshot) + Send + Sync + 'static) -> Hook {
        Hook(Arc::new(hook))
    }

    /// Calls the callback.
    pub(super) fn call(&self, trouble: Trouble, snapshot: &Snapshot) {
        (self.0)(trouble, snapshot);
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

//! What the builder says about the trace.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::level::{Level, Trouble};
use super::snapshot::Snapshot;

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) level: Level,
    pub(crate) capacity: usize,
    /// A poll that takes longer is a stall.
    pub(crate) stall: Duration,
    pub(crate) hook: Option<Hook>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            level: Level::Off,
            capacity: 65_536,
            stall: Duration::from_millis(100),
            hook: None,
        }
    }
}

type Callback = dyn Fn(Trouble, &Snapshot) + Send + Sync;

/// Who is told of trouble.
#[derive(Clone)]
pub(crate) struct Hook(Arc<Callback>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(Trouble, &Snapshot) + Send + Sync + 'static) -> Hook {
        Hook(Arc::new(hook))
    }

    pub(super) fn call(&self, trouble: Trouble, snapshot: &Snapshot) {
        (self.0)(trouble, snapshot);
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

//! Resource use of a thread.

use std::time::Duration;

/// Resource use of a thread: totals, or the difference of two totals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Option<Duration>,
    pub(crate) starved: Option<Duration>,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    /// Whether the thread runs or waits for a CPU. In a difference: whether it did nothing else.
    pub(crate) runnable: bool,
    /// The number of times that the thread has blocked, if known.
    pub(crate) waits: Option<u64>,
}

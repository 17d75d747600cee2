//! The stall detector: one watchdog thread for all loops of the process, which reports a poll that
//! does not end, while it is still running.
//!
//! A loop stores one word a poll, see `observe/poll_marker.rs`. The watchdog reads the word eight
//! times in a threshold and measures with its own clock how long it stays the same, so the loop
//! reads no clock and makes no system call. The watchdog counts from the end of one check to the
//! start of the next, so the result is never more than the poll took, and a short poll is never
//! reported. If the watchdog slept far too long itself, most likely the whole process did not run,
//! for example in a debugger; such time is reported separately and not counted.
//!
//! The kind of a stall follows from the counters of the thread in `/proc`, between the first check
//! that saw the poll and the report: CPU time, time in the run queue of a CPU, page faults. Systems
//! other than Linux have counters of the whole process, see `sys/other/thread.rs`. With the feature
//! `backtrace` the thread gets a signal and records its stack (Linux), and the watchdog resolves
//! the names. A poll that never ends is reported at the threshold and at each doubling.

mod report;
mod watchdog;

pub use report::{StallKind, StallLock, StallReport};
pub(crate) use watchdog::{Hook, unwatch, watch};

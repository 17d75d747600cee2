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
//! that saw the poll and the report: CPU time, time in the run queue of a CPU, page faults. With
//! the feature `backtrace` the thread gets a signal and records its stack, and the watchdog
//! resolves the names. A poll that never ends is reported at the threshold and at each doubling.

#[cfg(all(feature = "backtrace", target_os = "linux"))]
mod answers;
mod report;
#[cfg(all(feature = "backtrace", target_os = "linux"))]
mod stack;
#[cfg(target_os = "linux")]
mod usage;
mod watchdog;

pub use report::{StallKind, StallLock, StallReport};
pub(crate) use watchdog::{Hook, unwatch, watch};

/// Resource use of a thread, for systems other than Linux, where it is not read.
#[cfg(not(target_os = "linux"))]
mod usage {
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Thread;

    impl Thread {
        pub(super) fn current() -> Thread {
            Thread
        }

        pub(super) fn usage(self) -> Option<super::report::Usage> {
            None
        }
    }
}

/// The stack of a blocked thread, for builds without the feature `backtrace`.
#[cfg(not(all(feature = "backtrace", target_os = "linux")))]
mod stack {
    pub(super) enum Stack {}

    impl Stack {
        pub(super) fn describe(&self) -> String {
            match *self {}
        }
    }

    pub(super) fn prepare() {}

    pub(super) fn capture(_thread: super::usage::Thread) -> Option<Stack> {
        None
    }
}

//! The stall detector: one watchdog thread for all loops of the process, which reports a poll that
//! does not end, while it is still running.
//!
//! A loop stores one word a poll, see `observe/poll_marker.rs`. The watchdog measures with its own
//! clock how long that word stays the same, so the loop reads no clock and makes no system call.
//! Time in which the watchdog did not run either does not count, for example while a debugger stops
//! the process. A report of a stall has the use of CPU and memory since the watchdog first saw the
//! poll, and with the feature `backtrace` the stack of the thread.

#[cfg(all(feature = "backtrace", target_os = "linux"))]
mod answers;
mod report;
#[cfg(all(feature = "backtrace", target_os = "linux"))]
mod stack;
#[cfg(target_os = "linux")]
mod usage;
mod watchdog;

pub use report::{StallKind, StallReport};
pub(crate) use watchdog::{Hook, watch};

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

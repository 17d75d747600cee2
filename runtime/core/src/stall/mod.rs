//! The stall detector: a thread that looks at the loops of the process and says which task does
//! not give way, while it is still stuck.
//!
//! A loop stores one word a poll, see `observe/poll_marker.rs`. The watchdog measures with its own clock
//! how long that word stands still, so the loop reads none, and makes no syscall. Time in which
//! the watchdog did not run either, as when the process is stopped by a debugger, does not count.

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

/// What the system says of a thread, for systems that are not asked.
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

/// The stuck stack, for builds without the feature `backtrace`.
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

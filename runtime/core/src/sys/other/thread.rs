//! A thread and its resource use. These systems tell no thread what another one has used, so the
//! counters are those of the whole process, by `getrusage`.
//!
//! For a stall this means: if the process used little CPU time, the thread was blocked. If it used
//! much, the poll most likely computes, but another thread of the process may have used it. Time in
//! the run queue of a CPU is not counted, so a starved thread is reported as blocked.

use std::time::Duration;

use crate::sys::Usage;

/// The process of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread;

impl Thread {
    pub(crate) fn current() -> Thread {
        Thread
    }

    /// Returns the totals since the process began.
    pub(crate) fn usage(self) -> Option<Usage> {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: the pointer is to a local `rusage`, which the call fills.
        if unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } != 0 {
            return None;
        }
        // SAFETY: the call has succeeded, so `usage` is initialized.
        let usage = unsafe { usage.assume_init() };
        let time = |time: libc::timeval| {
            let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
            let micros = u64::try_from(time.tv_usec).unwrap_or_default();
            Duration::from_secs(seconds) + Duration::from_micros(micros)
        };
        Some(Usage {
            cpu: Some(time(usage.ru_utime) + time(usage.ru_stime)),
            starved: None,
            minor_faults: u64::try_from(usage.ru_minflt).unwrap_or_default(),
            major_faults: u64::try_from(usage.ru_majflt).unwrap_or_default(),
            runnable: false,
            waits: None,
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let before = Thread::current().usage().unwrap();
        let touched = std::hint::black_box(vec![1_u8; 4 << 20]);
        let after = Thread::current().usage().unwrap();
        let faults = |usage: Usage| usage.minor_faults + usage.major_faults;
        assert!(faults(after) > faults(before), "{before:?} {after:?}");
        drop(touched);
    }
}

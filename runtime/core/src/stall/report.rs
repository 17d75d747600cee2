//! The report of a stall.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::observe::TaskInfo;
use crate::sync::locks::Lock;
use crate::sys::Usage;
use crate::task::Id;

/// The cause of a stall, derived from the resource use of the loop's thread since the watchdog
/// first saw the poll.
///
/// Systems other than Linux only tell the resource use of the whole process. There, other busy
/// threads may make a blocked poll look like one that computes, and no poll is reported as starved.
///
/// ```
/// assert_eq!(wakeful::StallKind::Blocked.to_string(), "is blocked");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StallKind {
    /// The poll computes.
    Cpu,
    /// The poll waits in the kernel, for example for a file, a lock or a sleep.
    Blocked,
    /// The poll waits for memory: many page faults for the time that has passed.
    PageFaults,
    /// The thread is ready to run, and the kernel gives the CPU to other threads.
    Starved,
    /// The resource use of the thread is not known.
    Unknown,
}

/// A report of a stall: a poll that takes longer than the threshold, and is still running. See
/// [`Builder::detect_stalls`](crate::Builder::detect_stalls).
///
/// It prints as one line, followed by the stack of the thread with the feature `backtrace`.
///
/// ```
/// use wakeful::{StallKind, StallReport};
///
/// /// Reports what the code does, not that the machine is busy.
/// fn on_stall(report: &StallReport) {
///     if report.kind != StallKind::Starved {
///         eprintln!("{report}");
///     }
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let threshold = std::time::Duration::from_millis(100);
/// let runtime = wakeful::Builder::new().detect_stalls(threshold).on_stall(on_stall).build()?;
/// # drop(runtime);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StallReport {
    /// The id of the task.
    pub task: Id,
    /// The name of the task, if it has one. The future of `block_on` is called `block_on`.
    pub name: Option<String>,
    /// The place where the task was spawned, or where `block_on` was called.
    pub location: Option<&'static Location<'static>>,
    /// The name of the loop's thread.
    pub thread: Option<String>,
    /// The length of the poll so far, at least. The watchdog counts from the time at which it first
    /// saw the poll, which is up to an eighth of the threshold after the poll began.
    pub elapsed: Duration,
    /// The cause of the stall.
    pub kind: StallKind,
    /// The CPU time that the thread has used during `elapsed` and `stopped`, if known.
    pub cpu: Option<Duration>,
    /// The time during `elapsed` and `stopped` in which the thread was ready to run and had no CPU,
    /// if known.
    pub starved: Option<Duration>,
    /// The number of page faults that needed no device.
    pub minor_faults: u64,
    /// The number of page faults that waited for a device.
    pub major_faults: u64,
    /// The time in which the watchdog did not run either, most likely because the process was
    /// stopped. It is not part of `elapsed`.
    pub stopped: Duration,
    /// The number of reports of this stall before this one. The first comes at the threshold, each
    /// further one when the stall is twice as long as at the report before.
    pub repeats: u32,
    /// The number of reports about this loop that were suppressed since the last one. A loop makes
    /// at most ten reports a minute.
    pub suppressed: u64,
    /// The locks that the task holds and other tasks wait for. They are known if
    /// [`Builder::detect_deadlocks`](crate::Builder::detect_deadlocks) is on as well.
    pub locks: Vec<StallLock>,
    pub(super) stack: Option<String>,
}

/// A lock or a semaphore of [`sync`](crate::sync) in a [`StallReport`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StallLock {
    /// The kind: "mutex", "rwlock" or "semaphore".
    pub kind: &'static str,
    /// The place where it was made.
    pub made_at: &'static Location<'static>,
    /// The number of waits for it.
    pub waiting: u32,
}

impl Usage {
    /// Returns the use since `before`.
    pub(crate) fn since(self, before: Usage) -> Usage {
        let between = |now: Option<Duration>, then| Some(now?.saturating_sub(then?));
        Usage {
            cpu: between(self.cpu, before.cpu),
            starved: between(self.starved, before.starved),
            minor_faults: self.minor_faults.saturating_sub(before.minor_faults),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            runnable: before.runnable
                && self.runnable
                && self.waits.is_some()
                && self.waits == before.waits,
            waits: None,
        }
    }

    /// Adds the time without a CPU that the kernel has not counted yet: it counts a wait for a CPU
    /// when the wait is over. A thread that has not blocked was waiting for a CPU whenever it did
    /// not run.
    pub(super) fn within(mut self, elapsed: Duration) -> Usage {
        if self.runnable && self.cpu.is_some() {
            let off = elapsed.saturating_sub(self.cpu.unwrap_or_default());
            self.starved = self.starved.max(Some(off));
        }
        self
    }

    /// Returns the cause of a stall with this use within `elapsed`, which includes the time in
    /// which the watchdog did not run.
    pub(super) fn kind(self, elapsed: Duration) -> StallKind {
        let Some(cpu) = self.cpu else {
            return StallKind::Unknown;
        };
        let starved = self.starved.unwrap_or_default();
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // A minor fault takes about 0.5 µs, a major one 100 µs and more. Above these numbers,
        // faults take a good part of the time.
        let many_minor = self.minor_faults > 32 && self.minor_faults > micros(cpu) / 10;
        let many_major = self.major_faults > micros(elapsed) / 10_000;
        if many_minor || many_major {
            StallKind::PageFaults
        } else if cpu + starved < elapsed / 2 {
            StallKind::Blocked
        } else if cpu < starved / 8 {
            StallKind::Starved
        } else {
            StallKind::Cpu
        }
    }
}

impl StallReport {
    /// Returns the stack of the loop's thread at the time of the report, innermost frame first. It
    /// is available with the feature `backtrace` on Linux, if the thread answered the signal.
    pub fn stack(&self) -> Option<&str> {
        self.stack.as_deref()
    }

    /// Makes a report of a poll that has run for `elapsed` while the watchdog ran, and perhaps for
    /// `stopped` as well.
    pub(super) fn new(
        task: TaskInfo,
        elapsed: Duration,
        stopped: Duration,
        usage: Option<Usage>,
    ) -> StallReport {
        let usage = usage.unwrap_or_default().within(elapsed + stopped);
        // Where the system does not tell how long a thread was starved, the time in which the
        // watchdog did not run either counts as such.
        let length = match usage.starved {
            Some(_) => elapsed + stopped,
            None => elapsed,
        };
        StallReport {
            task: task.id,
            name: task.name.map(Into::into),
            location: task.location,
            thread: None,
            elapsed,
            kind: usage.kind(length),
            cpu: usage.cpu,
            starved: usage.starved,
            minor_faults: usage.minor_faults,
            major_faults: usage.major_faults,
            stopped,
            repeats: 0,
            suppressed: 0,
            locks: Vec::new(),
            stack: None,
        }
    }
}

impl StallLock {
    pub(super) fn new(lock: &Lock) -> StallLock {
        StallLock {
            kind: lock.kind.as_str(),
            made_at: lock.made_at,
            waiting: lock.waiting,
        }
    }
}

impl fmt::Display for StallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StallKind::Cpu => "uses the CPU",
            StallKind::Blocked => "is blocked",
            StallKind::PageFaults => "waits for memory",
            StallKind::Starved => "gets no CPU",
            StallKind::Unknown => "does not yield",
        })
    }
}

impl fmt::Display for StallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        if let Some(location) = self.location {
            write!(f, ", spawned at {location},")?;
        }
        write!(f, " {} and holds up the loop", self.kind)?;
        if let Some(thread) = &self.thread {
            write!(f, " of thread \"{thread}\"")?;
        }
        write!(f, ": one poll for {:.1?} so far", self.elapsed)?;
        if let Some(cpu) = self.cpu {
            write!(f, ", {cpu:.1?} of it on the CPU")?;
        }
        let (minor, major) = (self.minor_faults, self.major_faults);
        write!(f, ", page faults {minor} minor, {major} major")?;
        if !self.stopped.is_zero() {
            write!(
                f,
                ", not counting {:.1?} in which the watchdog did not run either",
                self.stopped
            )?;
        }
        if self.suppressed > 0 {
            write!(f, "; {} reports were held back before", self.suppressed)?;
        }
        for lock in &self.locks {
            let (kind, made_at, waiting) = (lock.kind, lock.made_at, lock.waiting);
            write!(
                f,
                "; it holds the {kind} made at {made_at}, waiters: {waiting}"
            )?;
        }
        match &self.stack {
            Some(stack) => write!(f, "\n{}", stack.trim_end()),
            None => Ok(()),
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn kind(cpu: u64, starved: u64, minor: u64, major: u64) -> StallKind {
        let usage = Usage {
            cpu: Some(Duration::from_millis(cpu)),
            starved: Some(Duration::from_millis(starved)),
            minor_faults: minor,
            major_faults: major,
            ..Usage::default()
        };
        usage.kind(Duration::from_millis(100))
    }

    #[test]
    fn a_busy_thread_is_not_blocked_where_starvation_is_not_counted() {
        let task = TaskInfo {
            id: Id::new(std::num::NonZeroU64::MIN),
            name: None,
            location: None,
        };
        let ms = Duration::from_millis;
        let usage = Usage {
            cpu: Some(ms(43)),
            ..Usage::default()
        };
        let report = StallReport::new(task, ms(43), ms(73), Some(usage));
        assert_eq!(report.kind, StallKind::Cpu, "{report}");
    }

    #[test]
    fn a_thread_that_waits_for_a_cpu_is_starved_and_not_blocked() {
        let ms = Duration::from_millis;
        let usage = |cpu, starved, waits, runnable| Usage {
            cpu: Some(ms(cpu)),
            starved: Some(ms(starved)),
            waits: Some(waits),
            runnable,
            ..Usage::default()
        };
        let kind = |before: Usage, after: Usage| after.since(before).within(ms(100)).kind(ms(100));
        // It ran for 4 ms, waited for a CPU for 10 ms, and has waited again for 86 ms.
        let before = usage(10, 10, 5, true);
        assert_eq!(kind(before, usage(14, 20, 5, true)), StallKind::Starved);
        assert_eq!(kind(before, usage(50, 20, 5, true)), StallKind::Cpu);
        // It blocked, or still does, or did when it was first seen.
        assert_eq!(kind(before, usage(14, 20, 6, true)), StallKind::Blocked);
        assert_eq!(kind(before, usage(14, 20, 5, false)), StallKind::Blocked);
        let before = usage(10, 10, 5, false);
        assert_eq!(kind(before, usage(14, 20, 5, true)), StallKind::Blocked);
    }

    #[test]
    fn the_kind_follows_from_the_resource_use() {
        assert_eq!(kind(99, 0, 0, 0), StallKind::Cpu);
        // A few faults do not count, nor does a shared CPU.
        assert_eq!(kind(99, 0, 500, 1), StallKind::Cpu);
        assert_eq!(kind(30, 69, 0, 0), StallKind::Cpu);
        assert_eq!(kind(0, 0, 0, 0), StallKind::Blocked);
        assert_eq!(kind(0, 10, 20, 3), StallKind::Blocked);
        assert_eq!(kind(1, 99, 0, 0), StallKind::Starved);
        assert_eq!(kind(99, 0, 50_000, 0), StallKind::PageFaults);
        assert_eq!(kind(5, 0, 0, 100), StallKind::PageFaults);
        let unknown = Usage::default().kind(Duration::from_millis(100));
        assert_eq!(unknown, StallKind::Unknown);
    }
}

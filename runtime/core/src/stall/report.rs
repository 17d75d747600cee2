//! What is said about a stall.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::observe::TaskInfo;
use crate::task::Id;

/// What a stuck poll is doing, judged by what the system says of the loop's thread since the
/// watchdog first saw the poll.
///
/// ```
/// assert_eq!(wakeful::StallKind::Blocked.to_string(), "is blocked");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StallKind {
    /// It computes.
    Cpu,
    /// It waits in the system: for a file, a lock, a sleep.
    Blocked,
    /// It touches memory that the system has yet to provide: many faults for the time they took.
    PageFaults,
    /// It could run, and the system gives the CPU to others.
    Starved,
    /// The system does not say.
    Unknown,
}

/// A poll that does not end, told while it goes on. See
/// [`Builder::detect_stalls`](crate::Builder::detect_stalls).
///
/// Printed, it is one line, and with the feature `backtrace` the stuck stack below it.
///
/// ```
/// use wakeful::{StallKind, StallReport};
///
/// /// Blames the code for what it does, and not for what the machine does.
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
    /// The number of the task.
    pub task: Id,
    /// Its name, if it was given one. That of the future of `block_on` is `block_on`.
    pub name: Option<String>,
    /// Where it was spawned, or where `block_on` was called.
    pub location: Option<&'static Location<'static>>,
    /// The name of the loop's thread.
    pub thread: Option<String>,
    /// How long the poll has gone on, at least: the watchdog counts from when it first saw it,
    /// which is up to an eighth of the threshold after it began.
    pub elapsed: Duration,
    /// What it is doing.
    pub kind: StallKind,
    /// CPU time that the thread used in that time, if the system says.
    pub cpu: Option<Duration>,
    /// Time in which the thread could have run and the system let others, if it says. This and `cpu`
    /// may be of the time that is `stopped` as well.
    pub starved: Option<Duration>,
    /// Page faults in that time that needed no device.
    pub minor_faults: u64,
    /// Page faults in that time that waited for a device.
    pub major_faults: u64,
    /// Time in which the watchdog did not run either, most likely as the process was stopped. It
    /// is not part of `elapsed`.
    pub stopped: Duration,
    /// How many reports there were of this stall before. They come at the threshold, and whenever
    /// the stall is twice as long as at the one before.
    pub repeats: u32,
    /// Reports about this loop that were held back since the last one, as there were more than ten
    /// within a minute.
    pub suppressed: u64,
    pub(super) stack: Option<String>,
}

/// What the system says of a thread: totals, or what came in between.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) cpu: Option<Duration>,
    pub(super) starved: Option<Duration>,
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    /// It runs, or waits in line for a CPU; of what came in between: it did nothing else.
    pub(super) runnable: bool,
    /// How often it gave its CPU up to wait for something, if the system says.
    pub(super) waits: Option<u64>,
}

impl Usage {
    pub(super) fn since(self, before: Usage) -> Usage {
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

    /// The system counts a time in line when it is over. A thread that has waited for nothing was in
    /// line whenever it did not run.
    pub(super) fn within(mut self, elapsed: Duration) -> Usage {
        if self.runnable && self.cpu.is_some() {
            let off = elapsed.saturating_sub(self.cpu.unwrap_or_default());
            self.starved = self.starved.max(Some(off));
        }
        self
    }

    /// What kept a thread busy that used this within `elapsed`, be the watchdog there or not.
    pub(super) fn kind(self, elapsed: Duration) -> StallKind {
        let Some(cpu) = self.cpu else {
            return StallKind::Unknown;
        };
        let starved = self.starved.unwrap_or_default();
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // A fault takes about 0.5 µs; a device that answers one takes 100 µs and more. So this is
        // where a good part of the time goes into faults.
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
    /// The stack of the loop's thread at the time of the report, innermost frame first: with the
    /// feature `backtrace` on Linux, if the thread answered.
    pub fn stack(&self) -> Option<&str> {
        self.stack.as_deref()
    }

    /// It was stuck for `elapsed` while the watchdog ran, and may have been for `stopped` besides.
    pub(super) fn new(
        who: TaskInfo,
        elapsed: Duration,
        stopped: Duration,
        usage: Option<Usage>,
    ) -> StallReport {
        let usage = usage.unwrap_or_default().within(elapsed + stopped);
        StallReport {
            task: who.id,
            name: who.name.map(Into::into),
            location: who.location,
            thread: None,
            elapsed,
            kind: usage.kind(elapsed + stopped),
            cpu: usage.cpu,
            starved: usage.starved,
            minor_faults: usage.minor_faults,
            major_faults: usage.major_faults,
            stopped,
            repeats: 0,
            suppressed: 0,
            stack: None,
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
            StallKind::Unknown => "does not give way",
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
    fn a_thread_still_in_line_is_starved_and_not_blocked() {
        let ms = Duration::from_millis;
        let usage = |cpu, starved, waits, runnable| Usage {
            cpu: Some(ms(cpu)),
            starved: Some(ms(starved)),
            waits: Some(waits),
            runnable,
            ..Usage::default()
        };
        let kind = |before: Usage, after: Usage| after.since(before).within(ms(100)).kind(ms(100));
        // It ran for 4 ms and was in line for 10, and has been again for 86.
        let before = usage(10, 10, 5, true);
        assert_eq!(kind(before, usage(14, 20, 5, true)), StallKind::Starved);
        assert_eq!(kind(before, usage(50, 20, 5, true)), StallKind::Cpu);
        // It waited for something, or still does, or did so when it was first seen.
        assert_eq!(kind(before, usage(14, 20, 6, true)), StallKind::Blocked);
        assert_eq!(kind(before, usage(14, 20, 5, false)), StallKind::Blocked);
        let before = usage(10, 10, 5, false);
        assert_eq!(kind(before, usage(14, 20, 5, true)), StallKind::Blocked);
    }

    #[test]
    fn the_kind_is_told_by_the_use_of_the_thread() {
        assert_eq!(kind(99, 0, 0, 0), StallKind::Cpu);
        // A few faults are nothing special, nor is a CPU that is shared.
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

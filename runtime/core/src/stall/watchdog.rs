//! The watchdog: one thread that observes all loops of the process.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::report::{StallLock, StallReport};

use crate::observe::{PollMarker, StuckPoll};
use crate::sync::locks::Locks;
use crate::sync::waits;
use crate::sys::{Thread, Usage, stack};
use crate::time::clock::system_now;
use crate::unwind::catch_panic;

/// Checks within a threshold.
const CHECKS: u32 = 8;
/// The shortest interval between two checks.
const SHORTEST: Duration = Duration::from_millis(1);
/// The most reports about one loop within [`WINDOW`].
const REPORTS: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Callback for reports of stalls.
#[derive(Clone)]
pub(crate) struct Hook(Arc<dyn Fn(&StallReport) + Send + Sync>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(&StallReport) + Send + Sync + 'static) -> Hook {
        Hook(Arc::new(hook))
    }
}

impl Default for Hook {
    fn default() -> Hook {
        Hook::new(|report| crate::report::report!("wakeful: a stall: {report}"))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// The loops that were added since the last check.
static NEW: Mutex<New> = Mutex::new(New {
    loops: Vec::new(),
    runs: false,
});
/// Notified when a loop is added.
static CHANGED: Condvar = Condvar::new();

struct New {
    loops: Vec<Watched>,
    /// Whether the watchdog runs.
    runs: bool,
}

fn new() -> MutexGuard<'static, New> {
    // No user code runs under the lock.
    NEW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Observes the loop of the calling thread until its `PollMarker` is dropped.
///
/// # Errors
///
/// If there is no watchdog yet, and its thread cannot be started.
pub(crate) fn watch(marker: &Arc<PollMarker>, threshold: Duration, hook: Hook) -> io::Result<()> {
    stack::prepare();
    let mut new = new();
    if !new.runs {
        thread::Builder::new()
            .name("wakeful-watchdog".to_owned())
            .spawn(run)?;
        new.runs = true;
    }
    new.loops.push(Watched::new(marker, threshold, hook));
    CHANGED.notify_one();
    Ok(())
}

/// Notifies the watchdog that a loop has ended, so that its hook is dropped now and not at the next
/// check.
pub(crate) fn unwatch() {
    // The watchdog searches for ended loops under the lock, and releases it when it begins to wait.
    let _new = new();
    CHANGED.notify_one();
}

/// Runs the watchdog. It ends when no loop is left.
fn run() {
    let mut loops: Vec<Watched> = Vec::new();
    loop {
        let mut new = new();
        loops.append(&mut new.loops);
        let ended: Vec<_> = loops.extract_if(.., |it| !it.is_alive()).collect();
        if !ended.is_empty() {
            // What the hook has captured is user code: its drop may do anything, and panic.
            drop(new);
            for watched in ended {
                catch_panic(|| drop(watched));
            }
            continue;
        }
        let Some(next) = loops.iter().map(|watched| watched.next_check).min() else {
            new.runs = false;
            return;
        };
        let pause = next.saturating_duration_since(system_now());
        if !pause.is_zero() {
            let _new = CHANGED.wait_timeout(new, pause);
        } else {
            drop(new);
        }
        for watched in &mut loops {
            watched.check();
        }
    }
}

/// A loop that the watchdog observes.
struct Watched {
    marker: Weak<PollMarker>,
    thread: Thread,
    thread_name: Option<String>,
    locks: Locks,
    hook: Hook,
    threshold: Duration,
    interval: Duration,
    next_check: Instant,
    last_check: Instant,
    poll: Option<Poll>,
    limiter: Limiter,
}

/// The poll that was running at the last check.
struct Poll {
    stuck: StuckPoll,
    /// The time that the poll has surely taken.
    elapsed: Duration,
    /// The time in which the watchdog did not run.
    stopped: Duration,
    /// The resource use of the thread when the poll was first seen.
    before: Option<Usage>,
    next_report: Duration,
    reports: u32,
}

impl Watched {
    fn new(marker: &Arc<PollMarker>, threshold: Duration, hook: Hook) -> Watched {
        let now = system_now();
        Watched {
            marker: Arc::downgrade(marker),
            thread: Thread::current(),
            thread_name: thread::current().name().map(str::to_owned),
            locks: waits::locks(),
            hook,
            threshold,
            interval: (threshold / CHECKS).max(SHORTEST),
            next_check: now,
            last_check: now,
            poll: None,
            limiter: Limiter::new(now),
        }
    }

    fn is_alive(&self) -> bool {
        self.marker
            .upgrade()
            .is_some_and(|marker| !marker.is_over())
    }

    fn check(&mut self) {
        // Read before the word, as `last_check` is read after it: so the time between two checks
        // that find the same word is never more than the poll has taken.
        let now = system_now();
        if now < self.next_check {
            return;
        }
        let Some(marker) = self.marker.upgrade() else {
            return;
        };
        let seen = marker.current();
        let gap = now.saturating_duration_since(self.last_check);
        self.last_check = system_now();
        self.next_check = self.last_check + self.interval;
        match &mut self.poll {
            Some(poll) if Some(poll.stuck) == seen => {
                poll.continues(gap, self.interval);
                if poll.elapsed >= poll.next_report {
                    self.report(&marker, now);
                }
            }
            _ => self.next_poll(&marker, seen),
        }
    }

    /// Takes note of another poll, or of none.
    fn next_poll(&mut self, marker: &PollMarker, seen: Option<StuckPoll>) {
        if let Some(poll) = self.poll.take()
            && poll.elapsed >= self.threshold
        {
            marker.stall_ended(u64::try_from(poll.elapsed.as_nanos()).unwrap_or(u64::MAX));
        }
        self.poll = seen.map(|stuck| Poll {
            stuck,
            elapsed: Duration::ZERO,
            stopped: Duration::ZERO,
            before: self.thread.usage(),
            next_report: self.threshold,
            reports: 0,
        });
    }

    fn report(&mut self, marker: &PollMarker, now: Instant) {
        let Some(poll) = &mut self.poll else {
            return;
        };
        if poll.next_report == self.threshold {
            marker.count_stall();
        }
        poll.next_report = poll.elapsed * 2;
        if !self.limiter.allows(now) {
            return;
        }
        let usage = self.thread.usage().zip(poll.before);
        let usage = usage.map(|(after, before)| after.since(before));
        let stack = stack::capture(self.thread);
        let locks = self.locks.wanted();
        // The loop's word is read last: if the poll is unchanged, all of the above belongs to it.
        // The rest takes time, and the report is made even if the stall has ended by then.
        let Some(task) = marker.task(poll.stuck) else {
            return;
        };
        let mut report = StallReport::new(task, poll.elapsed, poll.stopped, usage);
        report.thread = self.thread_name.clone();
        report.repeats = poll.reports;
        report.suppressed = std::mem::take(&mut self.limiter.suppressed);
        let held = locks.iter().filter(|lock| lock.is_held_by(report.task));
        report.locks = held.map(StallLock::new).collect();
        report.stack = stack.map(|stack| stack.describe());
        poll.reports += 1;
        catch_panic(|| (self.hook.0)(&report));
        // The time of the hook does not count as time in which the watchdog did not run.
        self.last_check = system_now().max(self.last_check);
    }
}

impl Poll {
    /// Adds the time since the last check, which saw the same poll. If that is far more than one
    /// sleep of the watchdog, the watchdog did not run, and most likely the whole process did not.
    fn continues(&mut self, gap: Duration, interval: Duration) {
        let counted = if gap > interval * 2 { interval } else { gap };
        self.elapsed += counted;
        self.stopped += gap - counted;
    }
}

/// Limits the rate of reports.
struct Limiter {
    window_began: Instant,
    reports: u32,
    suppressed: u64,
}

impl Limiter {
    fn new(now: Instant) -> Limiter {
        Limiter {
            window_began: now,
            reports: 0,
            suppressed: 0,
        }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.window_began) >= WINDOW {
            self.window_began = now;
            self.reports = 0;
        }
        let allowed = self.reports < REPORTS;
        if allowed {
            self.reports += 1;
        } else {
            self.suppressed += 1;
        }
        allowed
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_the_watchdog_slept_as_well_does_not_count() {
        let (ms, hour) = (Duration::from_millis, Duration::from_secs(3600));
        let marker = PollMarker::new();
        marker.begin(1, 0);
        let mut poll = Poll {
            stuck: marker.current().unwrap(),
            elapsed: Duration::ZERO,
            stopped: Duration::ZERO,
            before: None,
            next_report: ms(80),
            reports: 0,
        };
        poll.continues(ms(11), ms(10));
        assert_eq!((poll.elapsed, poll.stopped), (ms(11), ms(0)));
        poll.continues(hour, ms(10));
        assert_eq!((poll.elapsed, poll.stopped), (ms(21), hour - ms(10)));
    }

    #[test]
    fn ten_reports_a_minute_and_the_rest_is_counted() {
        let mut now = system_now();
        let mut limiter = Limiter::new(now);
        let allowed = (0..25).filter(|_| limiter.allows(now)).count();
        assert_eq!((allowed, limiter.suppressed), (10, 15));
        now += WINDOW;
        assert!(limiter.allows(now));
    }
}

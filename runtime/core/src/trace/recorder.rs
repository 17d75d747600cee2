//! The recorder of a loop. In builds without the feature, `noop.rs` takes its place.
//!
//! Tasks carry a `Tag` (`tag.rs`) with a pointer to the recorder of their loop; the reactor and the
//! pool have the [`Recorder`] itself. A hook whose level is not recorded costs a load and a branch;
//! the code that records is out of line.
//!
//! The loop writes records into its ring without atomics; the number of a record is its position.
//! Each other thread has a small ring. The rings are merged by time when a snapshot is taken, and
//! an effect is never ordered before its cause.
//!
//! Stamps come from the processor's time stamp counter if it runs at one rate and the kernel uses
//! it as its clock, which means that the kernel has compared the cores; otherwise from the system
//! clock. A snapshot converts stamps to nanoseconds, by comparing both clocks once at the start and
//! once at the snapshot.
//!
//! The origin of a wake is what the loop does at that time: a poll, the dispatch of an event, the
//! call for a timer. On another thread it is the closure of the blocking pool that runs there, or
//! the thread. The number of the wake that queued a task is kept in the tag until the poll.
//! A wake that a primitive of `sync` makes also has that primitive (`primitive.rs`).

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Config;
use super::cursor::Cursor;
use super::level::Level;
use super::primitive::Made;
use super::reader;
use super::record::{Code, Record};
use super::shared::{Origin, Shared};
use super::snapshot::Snapshot;
use super::table::TaskKey;
use super::thread_rings;
use super::words::{End, Ended};

/// Recorder of one loop. Owner thread only, unless a method says otherwise.
#[derive(Clone)]
pub(crate) struct Recorder(pub(super) Arc<Shared>);

impl Recorder {
    pub(crate) fn new(config: &Config) -> Recorder {
        Recorder(Shared::new(config))
    }

    /// Records that messages of other threads were received.
    #[inline(always)]
    pub(crate) fn drained(&self, n: u64) {
        let shared = &*self.0;
        if shared.wants(Level::Wakes) {
            shared.push(Code::Drain, 0, 0, n, 0);
        }
    }

    /// Records the registration of a descriptor.
    pub(crate) fn registered(&self, key: usize, fd: i32) {
        self.0.note_fd(key, fd);
        if self.0.wants(Level::Wakes) {
            self.0.push(Code::Register, 0, 0, key as u64, fd as u64);
        }
    }

    /// Records the deregistration of a descriptor.
    pub(crate) fn deregistered(&self, key: usize, fd: i32) {
        if self.0.wants(Level::Wakes) {
            self.0.push(Code::Deregister, 0, 0, key as u64, fd as u64);
        }
    }

    /// Records the start of a wait of the reactor.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Wait<'_> {
        let shared = self.0.wants(Level::Polls).then_some(&*self.0);
        Wait {
            shared,
            timeout,
            began: shared.map_or(0, Shared::now),
        }
    }

    /// Records an event. `wakers` is the number of wakers to call for this event and those before.
    #[inline]
    pub(crate) fn dispatched(&self, key: usize, readiness: impl FnOnce() -> u8, wakers: usize) {
        if self.0.wants(Level::Wakes) {
            self.0.note_ready(key, readiness(), wakers);
        }
    }

    /// Called before the wakers of the dispatched events.
    #[inline]
    pub(crate) fn waking(&self) -> Waking<'_> {
        Waking {
            shared: &self.0,
            began: 0,
            event: None,
            called: 0,
        }
    }

    /// Records that a timer was armed, for a time of the system's clock, even if the loop's clock
    /// has been stopped: the deadline is as far away on the axis of the events.
    #[inline]
    pub(crate) fn timer_armed(&self, timer: u64, deadline: impl FnOnce() -> Instant) {
        let shared = &*self.0;
        if shared.wants(Level::Wakes) {
            let task = shared.running().word();
            let deadline = shared.stamps.nanos_at(deadline());
            shared.push(Code::TimerArm, 0, timer, deadline, task);
        }
    }

    /// Records that a timer was disarmed.
    #[inline]
    pub(crate) fn timer_cancelled(&self, timer: u64) {
        if self.0.wants(Level::Wakes) {
            self.0.push(Code::TimerCancel, 0, 0, timer, 0);
        }
    }

    /// Records that a timer fires, `late` nanoseconds after its deadline. Its waker is called
    /// before the returned guard is dropped.
    #[inline]
    pub(crate) fn timer_fires(&self, timer: u64, late: u64) -> Firing<'_> {
        let shared = self.0.wants(Level::Wakes).then_some(&*self.0);
        Firing {
            before: shared.map(|shared| shared.set_origin(Origin::Timer, timer)),
            began: shared.map_or(0, Shared::now),
            shared,
            timer,
            late,
        }
    }

    /// Records that the running task waits for a primitive.
    pub(crate) fn waits(&self, kind: &'static str, made_at: &'static Location<'static>) {
        let shared = &*self.0;
        if shared.wants(Level::Wakes) {
            let primitive = shared.primitive(Made { kind, at: made_at });
            shared.push(Code::Await, 0, 0, shared.running().word(), primitive);
        }
    }

    /// Records a closure for the blocking pool, before it joins the `queue` others that wait.
    pub(crate) fn submitted(&self, queue: impl FnOnce() -> usize) -> Job {
        if !self.0.wants(Level::Wakes) {
            return Job(None);
        }
        let job = self.0.next_job();
        self.0.push(Code::Submit, 0, 0, job, queue() as u64 + 1);
        Job(Some((self.0.clone(), job)))
    }
}

/// Guard for a wait of the reactor.
#[must_use]
pub(crate) struct Wait<'a> {
    shared: Option<&'a Shared>,
    timeout: Option<Duration>,
    began: u64,
}

impl Wait<'_> {
    /// Records the end of the wait.
    pub(crate) fn ended(self, events: usize, failed: bool) {
        let Some(shared) = self.shared else {
            return;
        };
        let stamps = shared.now().saturating_sub(self.began);
        if self.timeout != Some(Duration::ZERO) {
            shared.slept.set(shared.slept.get() + stamps);
        }
        let over = |timeout: Duration| shared.length(stamps) >= timeout;
        let ended = match self.timeout {
            _ if failed => Ended::Error,
            _ if events > 0 => Ended::Io,
            Some(Duration::ZERO) => Ended::Poll,
            Some(timeout) if over(timeout) => Ended::Timer,
            _ => Ended::Notify,
        };
        let nanos = |timeout: Duration| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let timeout = self.timeout.map_or(u64::MAX, nanos);
        shared.push_at(
            self.began,
            Code::Wait,
            ended as u8,
            stamps,
            timeout,
            events as u64,
        );
    }
}

/// Guard for the calls of the wakers of dispatched events, in the order of the events.
#[must_use]
pub(crate) struct Waking<'a> {
    shared: &'a Shared,
    began: u64,
    /// Index of the event whose wakers are being called.
    event: Option<usize>,
    called: usize,
}

impl Waking<'_> {
    /// Called before each waker.
    #[inline]
    pub(crate) fn next(&mut self) {
        if self.shared.has_ready() {
            self.shared
                .begin_waker(&mut self.event, &mut self.began, self.called);
            self.called += 1;
        }
    }
}

impl Drop for Waking<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.shared.has_ready() {
            self.shared.end_wakers(self.event, self.began);
        }
    }
}

/// Guard for the call of the waker of a timer.
#[must_use]
pub(crate) struct Firing<'a> {
    shared: Option<&'a Shared>,
    before: Option<(Origin, u64)>,
    began: u64,
    timer: u64,
    late: u64,
}

impl Drop for Firing<'_> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(shared), Some((origin, from))) = (self.shared, self.before) {
            let stamps = shared.now().saturating_sub(self.began);
            shared.push_at(
                self.began,
                Code::TimerFire,
                0,
                stamps,
                self.timer,
                self.late,
            );
            shared.set_origin(origin, from);
        }
    }
}

/// A closure for the blocking pool. Moves to another thread.
pub(crate) struct Job(Option<(Arc<Shared>, u64)>);

impl Job {
    /// Records that the closure runs now, on this thread. Any thread.
    pub(crate) fn begin(self) -> Running {
        if let Some((shared, job)) = &self.0 {
            thread_rings::set_job(Some((shared.number, *job)));
        }
        let began = self.0.as_ref().map_or(0, |(shared, _)| shared.now());
        Running {
            job: self.0,
            began,
            outcome: Cell::new(End::Cancelled),
        }
    }
}

/// Guard for a closure that runs on the blocking pool. On the thread of the pool.
#[must_use]
pub(crate) struct Running {
    job: Option<(Arc<Shared>, u64)>,
    began: u64,
    outcome: Cell<End>,
}

impl Running {
    /// Sets the outcome of the closure.
    pub(crate) fn returned(&self, panicked: bool) {
        let outcome = if panicked { End::Panicked } else { End::Ready };
        self.outcome.set(outcome);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some((shared, job)) = &self.job else {
            return;
        };
        thread_rings::set_job(None);
        let stamps = shared.now().saturating_sub(self.began);
        let outcome = self.outcome.get() as u8;
        let record = Record::new(self.began, Code::Blocking, outcome, stamps, *job, 0);
        shared.thread_rings.push(shared.number, record);
    }
}

/// Start of a span: recorder, stamp and task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    number: u64,
    began: u64,
    task: u64,
}

/// The functions behind the public ones of the module `trace`. Owner thread only.
impl Recorder {
    pub(crate) fn set_level(&self, level: Level, running: Option<TaskKey>) {
        self.0.set_level(level, running);
    }

    /// Sets the largest number of events a second, roughly; 0 for no limit.
    pub(crate) fn set_rate(&self, events: u32) {
        self.0.end_gap(self.0.now());
        self.0.limit.set(events);
    }

    pub(crate) fn level(&self) -> Level {
        self.0.level()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        reader::take(&self.0)
    }

    pub(crate) fn snapshot_since(&self, cursor: &mut Cursor, most: usize) -> Snapshot {
        cursor.advance(&self.0, most)
    }

    pub(crate) fn mark(&self, name: &'static str) {
        if self.0.wants(Level::Polls) {
            let name = self.0.name(name);
            self.0.push(Code::Mark, 0, 0, self.0.running().word(), name);
        }
    }

    pub(crate) fn start(&self) -> Option<Started> {
        self.0.wants(Level::Polls).then(|| Started {
            number: self.0.number,
            began: self.0.now(),
            task: self.0.running().word(),
        })
    }

    pub(crate) fn span(&self, name: &'static str, started: Started) {
        if self.0.number == started.number && self.0.wants(Level::Polls) {
            let stamps = self.0.now().saturating_sub(started.began);
            let name = self.0.name(name);
            self.0
                .push_at(started.began, Code::Span, 0, stamps, started.task, name);
        }
    }
}

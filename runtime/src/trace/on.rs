//! The recorder. Its twin `off.rs` has the same signatures and does nothing; a test compares them.
//!
//! Tasks carry a [`Tag`], which leads to the recorder of their loop; the reactor and the pool have
//! the [`Recorder`] itself. A hook that has nothing to do costs a load and a branch.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::config::Config;
use super::lanes;
use super::record::{Code, Record};
use super::shared::{Origin, Shared};
use super::table::TaskKey;
use super::{Effect, End, Ended, Level, Trouble};

/// The recorder of a loop. Owner thread only, where nothing else is said.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<Shared>);

impl Recorder {
    pub(crate) fn new(config: &Config) -> Recorder {
        Recorder(Shared::new(config))
    }

    /// Calls `f` with this as the recorder of the thread.
    pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        super::current::enter(&self.0, f)
    }

    /// Messages of other threads were taken in.
    #[inline(always)]
    pub(crate) fn drained(&self, n: u64) {
        let shared = &*self.0;
        if shared.wants(Level::Wakes) {
            shared.push(Code::Drain, 0, 0, n, 0);
        }
    }

    pub(crate) fn registered(&self, key: usize, fd: i32) {
        self.0.note_fd(key, fd);
        if self.0.wants(Level::Wakes) {
            self.0.push(Code::Register, 0, 0, key as u64, fd as u64);
        }
    }

    pub(crate) fn deregistered(&self, key: usize, fd: i32) {
        if self.0.wants(Level::Wakes) {
            self.0.push(Code::Deregister, 0, 0, key as u64, fd as u64);
        }
    }

    /// The reactor begins to wait.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Wait<'_> {
        let shared = self.0.wants(Level::Polls).then_some(&*self.0);
        Wait {
            shared,
            timeout,
            began: shared.map_or(0, Shared::now),
        }
    }

    /// An event was taken in; so many wakers are now to be called, its own and those before.
    #[inline]
    pub(crate) fn dispatched(&self, key: usize, readiness: impl FnOnce() -> u8, wakers: usize) {
        if self.0.wants(Level::Wakes) {
            self.0.note_ready(key, readiness(), wakers);
        }
    }

    /// The wakers of the dispatched events are about to be called.
    #[inline]
    pub(crate) fn waking(&self) -> Waking<'_> {
        Waking {
            shared: &self.0,
            began: 0,
            event: None,
            called: 0,
        }
    }

    /// A timer was armed, for a moment of the system's clock.
    #[inline]
    pub(crate) fn timer_armed(&self, timer: u64, deadline: impl FnOnce() -> Instant) {
        let shared = &*self.0;
        if shared.wants(Level::Wakes) {
            let task = shared.running().word();
            let deadline = shared.stamps.nanos_at(deadline());
            shared.push(Code::TimerArm, 0, timer, deadline, task);
        }
    }

    #[inline]
    pub(crate) fn timer_cancelled(&self, timer: u64) {
        if self.0.wants(Level::Wakes) {
            self.0.push(Code::TimerCancel, 0, 0, timer, 0);
        }
    }

    /// A timer fires, `late` nanoseconds after its deadline; its waker is called before the answer
    /// is dropped.
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

    /// A closure is about to be given to the blocking pool, where `queue` others wait.
    pub(crate) fn submitted(&self, queue: impl FnOnce() -> usize) -> Job {
        if !self.0.wants(Level::Wakes) {
            return Job(None);
        }
        let job = self.0.next_job();
        self.0.push(Code::Submit, 0, 0, job, queue() as u64 + 1);
        Job(Some((self.0.clone(), job)))
    }

    /// A poll has kept the loop for so long.
    #[allow(dead_code, reason = "for a watchdog")]
    pub(crate) fn stalled(&self, length: Duration) {
        if self.0.wants(Level::Polls) {
            let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
            let task = self.0.running().word();
            self.0.push(Code::Stall, 0, 0, task, nanos);
            self.0.report(Trouble::Stalled);
        }
    }
}

/// A wait that goes on.
#[must_use]
pub(crate) struct Wait<'a> {
    shared: Option<&'a Shared>,
    timeout: Option<Duration>,
    began: u64,
}

impl Wait<'_> {
    pub(crate) fn ended(self, events: usize, failed: bool) {
        let Some(shared) = self.shared else {
            return;
        };
        let stamps = shared.now().saturating_sub(self.began);
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

/// The calling of the wakers of dispatched events, in the order of the events.
#[must_use]
pub(crate) struct Waking<'a> {
    shared: &'a Shared,
    began: u64,
    /// The place of the event whose wakers are being called.
    event: Option<usize>,
    called: usize,
}

impl Waking<'_> {
    /// The next waker is about to be called.
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

/// A timer whose waker is being called.
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

/// A closure for the blocking pool. Goes to another thread.
pub(crate) struct Job(Option<(Arc<Shared>, u64)>);

impl Job {
    /// The closure runs now, on this thread. Any thread.
    pub(crate) fn begin(self) -> Running {
        if let Some((shared, job)) = &self.0 {
            lanes::set_job(Some((shared.number, *job)));
        }
        let began = self.0.as_ref().map_or(0, |(shared, _)| shared.now());
        Running {
            job: self.0,
            began,
            outcome: Cell::new(End::Cancelled),
        }
    }
}

/// A closure that runs on the blocking pool, until this is dropped. Its own thread.
#[must_use]
pub(crate) struct Running {
    job: Option<(Arc<Shared>, u64)>,
    began: u64,
    outcome: Cell<End>,
}

impl Running {
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
        lanes::set_job(None);
        let stamps = shared.now().saturating_sub(self.began);
        let outcome = self.outcome.get() as u8;
        let record = Record::new(self.began, Code::Blocking, outcome, stamps, *job, 0);
        shared.lanes.push(shared.number, record);
    }
}

/// Where a task is spawned.
#[derive(Clone, Copy)]
pub(crate) struct Caller(&'static Location<'static>);

impl Caller {
    /// The caller of the function that calls this, if that has `#[track_caller]`.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn here() -> Caller {
        Caller(Location::caller())
    }
}

/// A task's part of the trace, in its header.
pub(crate) struct Tag {
    /// Kept by the executor, which every task keeps in turn. None: a task of no recorder.
    shared: Cell<Option<NonNull<Shared>>>,
    key: Cell<TaskKey>,
    /// The number of the wake or spawn that put the task in line. Owner only.
    cause: Cell<u64>,
    /// The number of the wake from another thread that is on its way.
    sent: AtomicU64,
}

impl Tag {
    #[inline(always)]
    pub(crate) fn new() -> Tag {
        Tag {
            shared: Cell::new(None),
            key: Cell::new(TaskKey::NONE),
            cause: Cell::new(0),
            sent: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    fn shared(&self) -> Option<&Shared> {
        // SAFETY: `spawned` has it from the recorder of the task's executor. The executor never gives
        // its recorder up, and is alive as long as the task is: see `Header::scheduler`.
        self.shared.get().map(|shared| unsafe { &*shared.as_ptr() })
    }

    #[inline(always)]
    fn wants(&self, level: Level) -> Option<&Shared> {
        self.shared().filter(|shared| shared.wants(level))
    }

    /// The task was made. `recorder` is that of its executor.
    pub(crate) fn spawned(&self, recorder: &Recorder, size: usize, caller: Caller) {
        let shared = &*recorder.0;
        let parent = shared.running();
        let key = shared.insert(size, parent, Some(caller.0));
        self.shared.set(Some(NonNull::from(shared)));
        self.key.set(key);
        if shared.wants(Level::Polls) {
            let seq = shared.push(Code::Spawn, 0, 0, key.word(), parent.word());
            self.cause.set(seq);
        }
    }

    /// The task was given a name.
    pub(crate) fn named(&self, name: &str) {
        if let Some(shared) = self.shared() {
            shared.change(self.key.get(), |info| info.name = Some(name.into()));
        }
    }

    /// The task now does the work of another caller.
    pub(crate) fn located(&self, caller: Caller) {
        if let Some(shared) = self.shared() {
            shared.change(self.key.get(), |info| info.location = Some(caller.0));
        }
    }

    /// The task is polled until the answer is dropped.
    #[inline(always)]
    pub(crate) fn poll(&self) -> Poll {
        let shared = self.shared();
        if let Some(shared) = shared {
            shared.begin_poll(self.key.get(), &self.cause);
        }
        Poll {
            shared: shared.map(NonNull::from),
            key: self.key.get(),
            result: Cell::new(End::Panicked),
        }
    }

    /// The future of the task is dropped, until the answer is, wherever that happens.
    pub(crate) fn cancelling(&self) -> Cancelling {
        let shared = self.shared();
        Cancelling {
            before: shared.map(|shared| shared.begin_cancel(self.key.get())),
            shared: shared.map(NonNull::from),
            key: self.key.get(),
            began: shared.map_or(0, Shared::now),
        }
    }

    /// The future is gone, with so many wakers left.
    #[inline(always)]
    pub(crate) fn done(&self, outcome: impl FnOnce() -> End, wakers: impl FnOnce() -> Option<u64>) {
        if let Some(shared) = self.wants(Level::Polls) {
            let wakers = wakers().map_or(0, |wakers| wakers + 1);
            shared.push(
                Code::Done,
                outcome() as u8,
                wakers,
                self.key.get().word(),
                0,
            );
        }
    }

    /// The task's memory is given back.
    #[inline(always)]
    pub(crate) fn freed(&self) {
        if let Some(shared) = self.shared() {
            shared.remove(self.key.get());
        }
    }

    /// A wake on the owner thread. `effect` is what it is about to do.
    #[inline(always)]
    pub(crate) fn woken(&self, by_ref: bool, effect: impl FnOnce() -> Effect) {
        if let Some(shared) = self.wants(Level::Wakes) {
            let (origin, from) = shared.origin();
            // The future of `block_on` does not say itself that it runs.
            let effect = match effect() {
                Effect::Queued if shared.running() == self.key.get() => Effect::DuringPoll,
                effect => effect,
            };
            let flag = flag(by_ref, origin, effect);
            let seq = shared.push(Code::Wake, flag, 0, self.key.get().word(), from);
            self.queued_by(effect, seq);
        }
    }

    /// A wake on another thread has left its mark, and is sent home if it is the `first`. Other
    /// threads. `is_wake`: it is none if not.
    #[inline(always)]
    pub(crate) fn sent(&self, is_wake: bool, by_ref: bool, first: bool) {
        if is_wake && let Some(shared) = self.wants(Level::Wakes) {
            let (origin, from) = match lanes::job(shared.number) {
                Some(job) => (Origin::Blocking, job),
                None => (Origin::Thread, 0),
            };
            let effect = if first {
                Effect::Sent
            } else {
                Effect::Coalesced
            };
            let flag = flag(by_ref, origin, effect);
            let key = self.key.get().word();
            let record = Record::new(shared.now(), Code::Wake, flag, 0, key, from);
            let number = shared.lanes.push(shared.number, record);
            if first {
                // The message to the owner goes out after this, and orders it.
                self.sent.store(number, Ordering::Relaxed);
            }
        }
    }

    /// The loop takes in a wake from another thread.
    #[inline(always)]
    pub(crate) fn received(&self, effect: impl FnOnce() -> Effect) {
        let Some(shared) = self.wants(Level::Wakes) else {
            return;
        };
        let sent = self.sent.swap(0, Ordering::Relaxed);
        let effect = effect();
        let seq = shared.push(Code::Received, effect as u8, 0, self.key.get().word(), sent);
        self.queued_by(effect, if sent == 0 { seq } else { sent });
    }

    #[inline(always)]
    fn queued_by(&self, effect: Effect, seq: u64) {
        if matches!(effect, Effect::Queued | Effect::DuringPoll) {
            self.cause.set(seq);
        }
    }

    /// A waker was cloned, which makes so many. `here`: on the owner thread. Any thread.
    #[inline(always)]
    pub(crate) fn cloned(&self, here: bool, wakers: impl FnOnce() -> Option<u64>) {
        if let Some(shared) = self.wants(Level::Clones) {
            shared.count_waker(Code::Clone, here, self.key.get(), wakers);
        }
    }

    /// A waker is about to be dropped, which will leave so many. `here`: on the owner thread. Any
    /// thread.
    #[inline(always)]
    pub(crate) fn dropped(&self, here: bool, wakers: impl FnOnce() -> Option<u64>) {
        if let Some(shared) = self.wants(Level::Clones) {
            shared.count_waker(Code::Drop, here, self.key.get(), wakers);
        }
    }
}

/// One byte of it all: one bit, three and three.
#[inline(always)]
fn flag(by_ref: bool, origin: Origin, effect: Effect) -> u8 {
    u8::from(by_ref) | (origin as u8) << 1 | (effect as u8) << 4
}

/// A poll that goes on; dropped without a result it has panicked.
#[must_use]
pub(crate) struct Poll {
    /// Not from the tag, as the task may be freed before this is dropped.
    shared: Option<NonNull<Shared>>,
    key: TaskKey,
    result: Cell<End>,
}

impl Poll {
    #[inline(always)]
    pub(crate) fn ended(&self, result: impl FnOnce() -> End) {
        if self.shared.is_some() {
            self.result.set(result());
        }
    }
}

impl Drop for Poll {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(shared) = self.shared {
            // SAFETY: polls happen inside a call to the executor, which keeps its recorder.
            let shared = unsafe { &*shared.as_ptr() };
            shared.end_poll(self.key, self.result.get());
        }
    }
}

/// A future that is being dropped, perhaps inside a poll of another.
#[must_use]
pub(crate) struct Cancelling {
    /// As in `Poll`.
    shared: Option<NonNull<Shared>>,
    before: Option<(Origin, u64)>,
    key: TaskKey,
    began: u64,
}

impl Drop for Cancelling {
    fn drop(&mut self) {
        if let (Some(shared), Some(before)) = (self.shared, self.before) {
            // SAFETY: tasks are cancelled inside a call to the executor, which keeps its recorder.
            let shared = unsafe { &*shared.as_ptr() };
            shared.end_cancel(self.key, self.began, before);
        }
    }
}

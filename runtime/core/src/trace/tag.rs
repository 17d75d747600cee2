//! The recorder's part of a task: see `on.rs`.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::level::Level;
use super::record::{Code, Record};
use super::recorder::Recorder;
use super::shared::{Origin, Shared};
use super::table::TaskKey;
use super::thread_rings;
use super::trouble::end_poll;
use super::words::{Effect, End};

/// A task's part of the trace, in its header.
pub(crate) struct Tag {
    /// Kept by the executor, which every task keeps in turn. None: a task of no recorder.
    shared: Cell<Option<NonNull<Shared>>>,
    key: Cell<TaskKey>,
    /// The number of the wake or spawn that put the task in line. Owner only.
    cause: Cell<u64>,
    /// The number of the wake from another thread that is on its way. Its mark in the remote_requests may
    /// be taken in before this is written, by way of another message; then it is not known.
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
    #[inline(never)]
    pub(crate) fn spawned(
        &self,
        recorder: &Recorder,
        size: usize,
        parent: Option<&Tag>,
        location: &'static Location<'static>,
    ) {
        let shared = &*recorder.0;
        let parent = match parent {
            Some(parent) => parent.key.get(),
            None => shared.running(),
        };
        let key = shared.insert(size, parent, Some(location));
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
    pub(crate) fn located(&self, location: &'static Location<'static>) {
        if let Some(shared) = self.shared() {
            shared.change(self.key.get(), |info| info.location = Some(location));
        }
    }

    /// The task is polled, until the end of the answer.
    #[inline(always)]
    pub(crate) fn poll(&self) -> Poll {
        let shared = self.shared();
        if let Some(shared) = shared
            && shared.wants(Level::Polls)
        {
            shared.begin_poll(self.key.get(), self.cause.replace(0));
        }
        Poll(shared.map(NonNull::from))
    }

    pub(crate) fn key(&self) -> TaskKey {
        self.key.get()
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
            shared.done(self.key.get(), outcome(), wakers());
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
            self.record_wake(shared, by_ref, effect());
        }
    }

    #[cold]
    fn record_wake(&self, shared: &Shared, by_ref: bool, effect: Effect) {
        let (origin, from) = shared.origin();
        // A wake of the one that runs.
        let effect = match effect {
            Effect::Queued if shared.running() == self.key.get() => Effect::DuringPoll,
            effect => effect,
        };
        let flag = flag(by_ref, origin, effect);
        let seq = shared.push(Code::Wake, flag, 0, self.key.get().word(), from);
        self.queued_by(effect, seq);
    }

    /// A wake on another thread has left its mark, and is sent home if it is the `first`. Other
    /// threads. `is_wake`: it is none if not.
    #[inline(always)]
    pub(crate) fn sent(&self, is_wake: bool, by_ref: bool, first: bool) {
        if is_wake && let Some(shared) = self.wants(Level::Wakes) {
            self.record_sent(shared, by_ref, first);
        }
    }

    #[cold]
    fn record_sent(&self, shared: &Shared, by_ref: bool, first: bool) {
        let (origin, from) = match thread_rings::job(shared.number) {
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
        let number = shared.thread_rings.push(shared.number, record);
        if first {
            // The message to the owner goes out after this, and orders it.
            self.sent.store(number, Ordering::Relaxed);
        }
    }

    /// The loop takes in a wake from another thread.
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

/// A poll that goes on. Not from the tag, as the task may be freed before it ends.
#[must_use]
pub(crate) struct Poll(Option<NonNull<Shared>>);

impl Poll {
    #[inline(always)]
    pub(crate) fn end(self, result: End) {
        if let Some(shared) = self.0 {
            // SAFETY: polls happen inside a call to the executor, which keeps its recorder.
            let shared = unsafe { &*shared.as_ptr() };
            // The level may have changed during the poll.
            if shared.wants(Level::Polls) {
                end_poll(shared, result);
            }
        }
    }

    /// The same for a poll that may panic.
    pub(crate) fn may_panic(self) -> MayPanic {
        MayPanic(Some(self))
    }
}

/// A poll that has panicked if this is dropped before its end.
#[must_use]
pub(crate) struct MayPanic(Option<Poll>);

impl MayPanic {
    pub(crate) fn end(mut self, result: End) {
        if let Some(poll) = self.0.take() {
            poll.end(result);
        }
    }
}

impl Drop for MayPanic {
    fn drop(&mut self) {
        if let Some(poll) = self.0.take() {
            poll.end(End::Panicked);
        }
    }
}

/// A future that is being dropped, perhaps inside a poll of another.
#[must_use]
pub(crate) struct Cancelling {
    /// Not from the tag, as in `Poll`.
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

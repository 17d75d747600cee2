//! The recorder's data of a task, see `recorder.rs`.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use super::level::Level;
use super::record::{Code, Record};
use super::recorder::Recorder;
use super::shared::{Origin, Shared};
use super::table::TaskKey;
use super::thread_rings;
use super::trouble::end_poll;
use super::words::{Effect, End};

use crate::sys::AtomicU64;

/// The recorder's data of a task, in its header.
pub(crate) struct Tag {
    /// Kept alive by the executor, which every task keeps alive. `None` for a task without a
    /// recorder.
    shared: Cell<Option<NonNull<Shared>>>,
    key: Cell<TaskKey>,
    /// The number of the wake or spawn that queued the task. Owner only.
    cause: Cell<u64>,
    /// The number of a wake from another thread that the loop has not received yet. Its mark in the
    /// remote requests may be received with another message before this is written; then the number
    /// is lost.
    sent: AtomicU64,
    /// Wakes by other threads that are not counted in the table yet.
    there: AtomicU64,
    /// Stamp of the wake that queued the task, or zero. Owner only.
    woken: Cell<u64>,
}

impl Tag {
    #[inline(always)]
    pub(crate) fn new() -> Tag {
        Tag {
            shared: Cell::new(None),
            key: Cell::new(TaskKey::NONE),
            cause: Cell::new(0),
            sent: AtomicU64::new(0),
            there: AtomicU64::new(0),
            woken: Cell::new(0),
        }
    }

    #[inline(always)]
    fn shared(&self) -> Option<&Shared> {
        // SAFETY: `spawned` takes the pointer from the recorder of the task's executor. The
        // executor keeps its recorder, and is alive as long as the task is: see
        // `Header::scheduler`.
        self.shared.get().map(|shared| unsafe { &*shared.as_ptr() })
    }

    #[inline(always)]
    fn wants(&self, level: Level) -> Option<&Shared> {
        self.shared().filter(|shared| shared.wants(level))
    }

    /// Records a new task. `recorder` is the recorder of its executor.
    #[inline(never)]
    pub(crate) fn spawned(
        &self,
        recorder: &Recorder,
        number: u64,
        size: usize,
        parent: Option<&Tag>,
        location: &'static Location<'static>,
    ) {
        let shared = &*recorder.0;
        let parent = match parent {
            Some(parent) => parent.key.get(),
            None => shared.running(),
        };
        let key = shared.insert(number, size, parent, location);
        self.shared.set(Some(NonNull::from(shared)));
        self.key.set(key);
        if shared.wants(Level::Polls) {
            let seq = shared.push(Code::Spawn, 0, 0, key.word(), parent.word());
            self.cause.set(seq);
        }
    }

    /// Sets the name of the task.
    pub(crate) fn named(&self, name: &str) {
        if let Some(shared) = self.shared() {
            shared.change(self.key.get(), |info| info.name = Some(name.into()));
        }
    }

    /// Sets the location, for a task that now works for another caller.
    pub(crate) fn located(&self, location: &'static Location<'static>) {
        if let Some(shared) = self.shared() {
            shared.relocate(self.key.get(), location);
        }
    }

    /// Records the start of a poll, which ends with [`Poll::end`].
    #[inline(always)]
    pub(crate) fn poll(&self) -> Poll {
        let shared = self.shared();
        if let Some(shared) = shared
            && shared.wants(Level::Polls)
        {
            shared.begin_poll(self.key.get(), self.cause.replace(0), self.woken.replace(0));
        }
        Poll(shared.map(NonNull::from))
    }

    pub(crate) fn key(&self) -> TaskKey {
        self.key.get()
    }

    /// Records that the future of the task is being dropped, until the returned guard is dropped.
    pub(crate) fn cancelling(&self) -> Cancelling {
        let shared = self.shared();
        Cancelling {
            before: shared.map(|shared| shared.begin_cancel(self.key.get())),
            shared: shared.map(NonNull::from),
            key: self.key.get(),
            began: shared.map_or(0, Shared::now),
        }
    }

    /// Records the end of the task, with the number of wakers left.
    #[inline(always)]
    pub(crate) fn done(&self, outcome: impl FnOnce() -> End, wakers: impl FnOnce() -> Option<u64>) {
        if let Some(shared) = self.wants(Level::Polls) {
            shared.done(self.key.get(), outcome(), wakers());
        }
    }

    /// Records that the memory of the task is freed.
    #[inline(always)]
    pub(crate) fn freed(&self) {
        if let Some(shared) = self.shared() {
            let there = self.there.load(Ordering::Relaxed);
            shared.remove(self.key.get(), there);
        }
    }

    /// Records a wake on the owner thread, before its `effect`.
    #[inline(always)]
    pub(crate) fn woken(&self, by_ref: bool, effect: impl FnOnce() -> Effect) {
        if let Some(shared) = self.wants(Level::Wakes) {
            self.record_wake(shared, by_ref, effect());
        }
    }

    #[cold]
    fn record_wake(&self, shared: &Shared, by_ref: bool, effect: Effect) {
        let (origin, from) = shared.origin();
        // A wake of the running task.
        let effect = match effect {
            Effect::Queued if shared.running() == self.key.get() => Effect::DuringPoll,
            effect => effect,
        };
        let flag = flag(by_ref, origin, effect);
        let key = self.key.get();
        let by_itself = origin == Origin::Task && from == key.word();
        let now = shared.now();
        let seq = shared.push_at(now, Code::Wake, flag, shared.through(), key.word(), from);
        shared.count_wakes(key, 1, by_itself, seq == 0);
        self.queued_by(effect, seq, now);
    }

    /// Records a wake on another thread after it has set its mark in the remote requests. The
    /// `first` mark is sent to the owner thread. `is_wake` is false for a mark that is not a wake.
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
        self.there.fetch_add(1, Ordering::Relaxed);
        let record = Record::new(shared.now(), Code::Wake, flag, 0, key, from);
        let number = shared.thread_rings.push(shared.number, record);
        if first {
            // The message to the owner is sent after this store, and orders it.
            self.sent.store(number, Ordering::Relaxed);
        }
    }

    /// Records that the loop receives a wake from another thread.
    pub(crate) fn received(&self, effect: impl FnOnce() -> Effect) {
        let Some(shared) = self.wants(Level::Wakes) else {
            return;
        };
        let sent = self.sent.swap(0, Ordering::Relaxed);
        let effect = effect();
        let key = self.key.get();
        // There is a record of each in the ring of its thread.
        shared.count_wakes(key, self.there.swap(0, Ordering::Relaxed), false, false);
        let now = shared.now();
        let seq = shared.push_at(now, Code::Received, effect as u8, 0, key.word(), sent);
        self.queued_by(effect, if sent == 0 { seq } else { sent }, now);
    }

    #[inline(always)]
    fn queued_by(&self, effect: Effect, seq: u64, now: u64) {
        if matches!(effect, Effect::Queued | Effect::DuringPoll) {
            self.cause.set(seq);
            self.woken.set(now);
        }
    }

    /// Records the clone of a waker. `wakers` returns their new number; `here` is true on the owner
    /// thread. Any thread.
    #[inline(always)]
    pub(crate) fn cloned(&self, here: bool, wakers: impl FnOnce() -> Option<u64>) {
        if let Some(shared) = self.wants(Level::Clones) {
            shared.count_waker(Code::Clone, here, self.key.get(), wakers);
        }
    }

    /// Records the drop of a waker, before it. `wakers` returns the number after it; `here` is true
    /// on the owner thread. Any thread.
    #[inline(always)]
    pub(crate) fn dropped(&self, here: bool, wakers: impl FnOnce() -> Option<u64>) {
        if let Some(shared) = self.wants(Level::Clones) {
            shared.count_waker(Code::Drop, here, self.key.get(), wakers);
        }
    }
}

/// Packs the properties of a wake into one byte: 1 bit, 3 bits and 3 bits.
#[inline(always)]
fn flag(by_ref: bool, origin: Origin, effect: Effect) -> u8 {
    u8::from(by_ref) | (origin as u8) << 1 | (effect as u8) << 4
}

/// Guard for a poll. It does not point to the tag, because the task may be freed before the poll
/// ends.
#[must_use]
pub(crate) struct Poll(Option<NonNull<Shared>>);

impl Poll {
    /// Records the end of the poll.
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

    /// Returns a guard for a poll that may panic.
    pub(crate) fn may_panic(self) -> MayPanic {
        MayPanic(Some(self))
    }
}

/// Guard for a poll that may panic. A drop before the end records a panic.
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

/// Guard for the drop of a future, perhaps inside the poll of another task.
#[must_use]
pub(crate) struct Cancelling {
    /// Not a pointer to the tag, as in `Poll`.
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

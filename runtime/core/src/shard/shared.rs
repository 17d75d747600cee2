//! State that all shards share: their loops, the paths between them, and how their services ended.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::primitives::atomic::{Ordering, fence};
use crate::runtime::Handle;
use crate::shard::call::inbox::Inbox;
use crate::shard::call::message::{MAX_BATCHES_IN_FLIGHT, Replies, Reply};
use crate::shard::call::outbox::Batch;
use crate::shard::error::{FailureReason, FirstFailure, OnFailure, ShardFailure};
use crate::shard::id::ShardId;
use crate::shard::mesh::Mesh;
use crate::task::waker_set::WakerSet;
use crate::time::clock;
use crate::unwind::catch_panic;

/// Stops the shard of the current thread, within the given time.
pub(super) type StopShard = fn(Duration);

/// State of all shards of one [`Shards`](super::Shards).
pub(super) struct Shared {
    pub(super) handles: Box<[Handle]>,
    pub(super) requests: Mesh<Batch>,
    /// For each shard that calls, the replies to its calls.
    pub(super) replies: Box<[Replies]>,
    on_failure: OnFailure,
    /// The time that shards have to end when the caller gives none.
    pub(super) shutdown_timeout: Duration,
    /// Runs on each shard's thread when the shards are asked to stop.
    stop_shard: StopShard,
    status: Mutex<Status>,
    changed: Condvar,
}

#[derive(Default)]
struct Status {
    /// Services that have not ended, on all shards.
    services: usize,
    failures: Vec<ShardFailure>,
    first_failure: Option<FirstFailure>,
    /// Whether a failure stops all shards.
    has_failed: bool,
    /// Waiters for the end of the services.
    waiters: WakerSet,
    /// For each shard, whether its thread has ended.
    threads_ended: Box<[bool]>,
    /// When services that were asked to stop are cancelled.
    stop_deadline: Option<Instant>,
}

impl Status {
    /// Returns the result for the waiters, if the services have ended or a failure stops them.
    fn ended(&self) -> Option<Result<(), FirstFailure>> {
        if self.services > 0 && !self.has_failed {
            return None;
        }
        Some(self.first_failure.clone().map_or(Ok(()), Err))
    }
}

/// Event of a shard's loop, raised by other shards. The value is its bit.
#[derive(Clone, Copy)]
pub(super) enum LoopEvent {
    Requests,
    Replies,
}

impl LoopEvent {
    /// Whether the event is one of `events`, a set of bits.
    pub(super) fn is_in(self, events: u8) -> bool {
        events & 1 << self as u32 != 0
    }
}

/// How a service ended.
pub(super) type Ending = Result<(), FailureReason>;

/// Replaces a time limit that is too long for an `Instant`.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Shared {
    pub(super) fn new(
        handles: Box<[Handle]>,
        on_failure: OnFailure,
        shutdown_timeout: Duration,
        stop_shard: StopShard,
    ) -> Arc<Shared> {
        let shards = handles.len();
        Arc::new(Shared {
            handles,
            requests: Mesh::new(shards, MAX_BATCHES_IN_FLIGHT),
            replies: (0..shards).map(|_| Inbox::new()).collect(),
            on_failure,
            shutdown_timeout,
            stop_shard,
            status: Mutex::new(Status {
                threads_ended: vec![false; shards].into(),
                ..Status::default()
            }),
            changed: Condvar::new(),
        })
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        // Nothing that can panic runs under the lock.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the handle of a shard's runtime. Panics if there is no such shard.
    #[track_caller]
    pub(super) fn handle(&self, id: ShardId) -> &Handle {
        &self.handles[id.among(self.handles.len())]
    }

    /// Notifies a shard of requests that were pushed. Begins with the fence that
    /// [`MeshSender::push_or_wait`](super::MeshSender) asks for.
    pub(super) fn notify_requests(&self, to: usize) {
        fence(Ordering::SeqCst);
        self.handles[to].raise(LoopEvent::Requests as u32);
    }

    /// Sends replies to a shard, and notifies it.
    pub(super) fn send_replies(&self, to: usize, replies: Vec<Reply>) {
        let notify = || self.handles[to].raise(LoopEvent::Replies as u32);
        self.replies[to].push(replies, notify);
    }

    /// Counts a service that is about to start on every shard.
    pub(super) fn add_services(&self) {
        self.status().services += self.handles.len();
    }

    /// Asks all shards to stop within `limit`.
    pub(super) fn stop(&self, limit: Duration) {
        {
            let mut status = self.status();
            let now = clock::system_now();
            let deadline = now.checked_add(limit).unwrap_or_else(|| now + CENTURY);
            if status.stop_deadline.is_none_or(|known| deadline < known) {
                status.stop_deadline = Some(deadline);
            }
        }
        self.notify_waiters();
        let stop_shard = self.stop_shard;
        for handle in &self.handles {
            handle.call(move || stop_shard(limit));
        }
    }

    /// Records a failure.
    pub(super) fn record_failure(&self, shard: ShardId, reason: FailureReason) {
        let failure = ShardFailure { shard, reason };
        let known = self.status().first_failure.is_some();
        // The text of an error is made by user code, so nothing is locked.
        let first = (!known).then(|| FirstFailure::of(&failure));
        let mut status = self.status();
        status.failures.push(failure);
        if status.first_failure.is_none() {
            status.first_failure = first;
        }
    }

    /// Wakes the waiters that the status concerns. Wakers may be user code, so nothing is locked
    /// meanwhile.
    fn notify_waiters(&self) {
        self.changed.notify_all();
        let mut status = self.status();
        if status.ended().is_none() {
            return;
        }
        let wakers: Vec<Waker> = status.waiters.take_all().collect();
        drop(status);
        for waker in wakers {
            catch_panic(|| waker.wake());
        }
    }

    /// Polls for the end of the services, or for the failure that stops them. `place` is the
    /// waiter's place in the set of waiters, once it has one.
    pub(super) fn poll_ended(
        &self,
        place: &mut Option<usize>,
        waker: &Waker,
    ) -> Poll<Result<(), FirstFailure>> {
        let known = {
            let status = self.status();
            if let Some(ended) = status.ended() {
                return Poll::Ready(ended);
            }
            place.is_some_and(|place| status.waiters.knows(place, waker))
        };
        if known {
            return Poll::Pending;
        }
        // The clone may be user code. A change that it or another thread makes meanwhile is seen
        // below: the check and the storing of the waker are one step under the lock, as are a
        // change and the taking of wakers.
        let waker = waker.clone();
        let mut status = self.status();
        if let Some(ended) = status.ended() {
            drop(status);
            // Not on the way out, where a panic would leak what is returned (rust-lang/rust#47949).
            drop(waker);
            return Poll::Ready(ended);
        }
        let place = *place.get_or_insert_with(|| status.waiters.insert());
        let old = status.waiters.set(place, Some(waker));
        drop(status);
        drop(old);
        Poll::Pending
    }

    /// Removes a waiter.
    pub(super) fn remove_waiter(&self, place: usize) {
        let waker = self.status().waiters.remove(place);
        drop(waker);
    }

    /// Records the failure of a shard's service or loop, and stops the others if the shards are
    /// configured so.
    pub(super) fn fail(&self, shard: ShardId, reason: FailureReason) {
        self.record_failure(shard, reason);
        if self.on_failure == OnFailure::StopAll {
            self.status().has_failed = true;
            self.stop(self.shutdown_timeout);
        }
    }

    /// All services have ended. Stops what they have spawned, unless a stop with its own deadline
    /// is in progress.
    pub(super) fn stop_if_running(&self) {
        let is_stopping = self.status().stop_deadline.is_some();
        if !is_stopping {
            self.stop(self.shutdown_timeout);
        }
    }

    /// Records that the thread of a shard has ended, except for its last steps.
    pub(super) fn thread_ended(&self, shard: ShardId) {
        self.status().threads_ended[shard.index()] = true;
        self.changed.notify_all();
    }

    /// Blocks until all services have ended, or the shards are asked to stop.
    pub(super) fn wait_for_services(&self) {
        let mut status = self.status();
        while status.services > 0 && status.stop_deadline.is_none() {
            status = self
                .changed
                .wait(status)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks, after a stop, until all threads have ended or `shutdown_timeout` has passed since
    /// the deadline. Returns for each shard whether its thread has ended.
    pub(super) fn wait_for_threads(&self) -> Box<[bool]> {
        let mut status = self.status();
        loop {
            let now = clock::system_now();
            let deadline = status.stop_deadline.unwrap_or(now);
            let end = deadline.checked_add(self.shutdown_timeout);
            let left = end.map_or(self.shutdown_timeout, |at| {
                at.saturating_duration_since(now)
            });
            if left.is_zero() || status.threads_ended.iter().all(|&ended| ended) {
                return status.threads_ended.clone();
            }
            status = self
                .changed
                .wait_timeout(status, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Takes the failures out, in the order in which they happened.
    pub(super) fn take_failures(&self) -> Vec<ShardFailure> {
        std::mem::take(&mut self.status().failures)
    }
}

/// Counts a service as running until it is dropped.
pub(super) struct ServiceGuard {
    shared: Arc<Shared>,
    shard: ShardId,
}

impl ServiceGuard {
    /// Makes the guard of a service that was [added](Shared::add_services) for a shard.
    pub(super) fn new(shared: &Arc<Shared>, shard: ShardId) -> ServiceGuard {
        ServiceGuard {
            shared: shared.clone(),
            shard,
        }
    }

    /// Records how the service ended.
    pub(super) fn end(self, ending: Ending) {
        if let Err(reason) = ending {
            self.shared.fail(self.shard, reason);
        }
    }
}

impl Drop for ServiceGuard {
    fn drop(&mut self) {
        self.shared.status().services -= 1;
        self.shared.notify_waiters();
    }
}

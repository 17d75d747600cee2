//! What shards share: the ways to each other, and how they are doing.

use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::primitives::atomic::{Ordering, fence};
use crate::runtime::Handle;
use crate::shard::call::inbox::Inbox;
use crate::shard::call::outbox::{BUNDLES, Bundle, Replies, Reply};
use crate::shard::context::Local;
use crate::shard::error::{FailureReason, FirstFailure, ShardFailure};
use crate::shard::mesh::Mesh;
use crate::shard::{OnFailure, Shard, ShardId};
use crate::task::waker_set::WakerSet;
use crate::time::clock;
use crate::unwind::catch_panic;

pub(super) struct Core {
    pub(super) handles: Box<[Handle]>,
    pub(super) calls: Mesh<Bundle>,
    /// Of the shards that called.
    pub(super) replies: Box<[Replies]>,
    on_failure: OnFailure,
    /// How long shards have to end when nobody says how long.
    pub(super) patience: Duration,
    status: Mutex<Status>,
    changed: Condvar,
}

#[derive(Default)]
struct Status {
    /// Services that have not ended, on all shards.
    services: usize,
    failures: Vec<ShardFailure>,
    first_failure: Option<FirstFailure>,
    /// A failure stops all.
    has_failed: bool,
    /// The waiters of `ended`.
    waiters: WakerSet,
    /// Threads that have ended, by shard.
    ended: Box<[bool]>,
    /// When those that were asked to stop will have done it, at the latest.
    over_at: Option<Instant>,
}

impl Status {
    /// What waiters of `ended` are told, if it is time.
    fn ended(&self) -> Option<Result<(), FirstFailure>> {
        if self.services > 0 && !self.has_failed {
            return None;
        }
        Some(self.first_failure.clone().map_or(Ok(()), Err))
    }
}

/// What there is for a shard that is nudged.
#[derive(Clone, Copy)]
pub(super) enum LoopEvent {
    Calls,
    Answers,
}

impl LoopEvent {
    pub(super) fn is_among(self, kinds: u8) -> bool {
        kinds & 1 << self as u32 != 0
    }
}

/// How a service ended, if not well.
pub(super) type Ending = Result<(), FailureReason>;

/// A century.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Core {
    pub(super) fn new(
        handles: Box<[Handle]>,
        on_failure: OnFailure,
        patience: Duration,
    ) -> Arc<Core> {
        let shards = handles.len();
        Arc::new(Core {
            handles,
            calls: Mesh::new(shards, BUNDLES),
            replies: (0..shards).map(|_| Inbox::new()).collect(),
            on_failure,
            patience,
            status: Mutex::new(Status {
                ended: vec![false; shards].into(),
                ..Status::default()
            }),
            changed: Condvar::new(),
        })
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        // Nothing that can panic runs under the lock.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    pub(super) fn handle(&self, id: ShardId) -> &Handle {
        &self.handles[id.among(self.handles.len())]
    }

    /// Tells a shard of calls, after they were pushed: with the fence that a link asks for.
    pub(super) fn tell_of_calls(&self, to: usize) {
        fence(Ordering::SeqCst);
        self.handles[to].raise(LoopEvent::Calls as u32);
    }

    /// Sends a shard answers.
    pub(super) fn answer(&self, to: usize, replies: Vec<Reply>) {
        let tell = || self.handles[to].raise(LoopEvent::Answers as u32);
        self.replies[to].push(replies, tell);
    }

    /// Starts a service on every shard.
    pub(super) fn start<S, F>(self: &Arc<Core>, service: S, location: &'static Location<'static>)
    where
        S: Fn(Shard) -> F + Send + Sync + 'static,
        F: Future<Output = Ending> + 'static,
    {
        let service = Arc::new(service);
        self.status().services += self.handles.len();
        for (index, handle) in self.handles.iter().enumerate() {
            let service = service.clone();
            // Also when the shard has ended, and the call is dropped.
            let counted = Service(self.clone(), ShardId::from(index));
            handle.call(move || {
                if let Some(local) = Local::current() {
                    local.start(counted, location, move |shard| service(shard));
                }
            });
        }
    }

    /// Asks all shards to stop, and gives them so long.
    pub(super) fn stop(self: &Arc<Core>, limit: Duration) {
        {
            let mut status = self.status();
            let now = clock::system_now();
            // Too long to be counted is for ever, or as good as that.
            let over_at = now.checked_add(limit).unwrap_or_else(|| now + FOR_EVER);
            if status.over_at.is_none_or(|known| over_at < known) {
                status.over_at = Some(over_at);
            }
        }
        self.notify();
        for handle in &self.handles {
            handle.call(move || {
                if let Some(local) = Local::current() {
                    local.stop(limit);
                }
            });
        }
    }

    pub(super) fn fail(&self, shard: ShardId, reason: FailureReason) {
        let failure = ShardFailure { shard, reason };
        let known = self.status().first_failure.is_some();
        // The text of an error is user code, so it is made with nothing locked.
        let first = (!known).then(|| FirstFailure::of(&failure));
        let mut status = self.status();
        status.failures.push(failure);
        if status.first_failure.is_none() {
            status.first_failure = first;
        }
    }

    /// Wakes the waiters for what `Status` says now. Wakers are user code: nothing is locked.
    fn notify(&self) {
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

    /// Polls for the end of the services, or the failure that stops them. `place` is the waiter's.
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
        // A clone is user code. What it, or another thread, has done meanwhile is seen below: the
        // look and the waker that it leaves are one step under the lock, as are the change and the
        // taking of wakers.
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

    /// A waiter has gone.
    pub(super) fn forget_waiter(&self, place: usize) {
        let waker = self.status().waiters.remove(place);
        drop(waker);
    }

    /// A service of that shard, or its loop, has failed: the others may have to stop.
    pub(super) fn fail_and_tell(self: &Arc<Core>, shard: ShardId, reason: FailureReason) {
        self.fail(shard, reason);
        if self.on_failure == OnFailure::StopAll {
            self.status().has_failed = true;
            self.stop(self.patience);
        }
    }

    /// All services have ended: nobody needs time, unless a stop goes on that gave some.
    pub(super) fn stop_if_running(self: &Arc<Core>) {
        let goes_on = self.status().over_at.is_some();
        if !goes_on {
            self.stop(Duration::ZERO);
        }
    }

    /// The thread of that shard has ended, but for its last steps.
    pub(super) fn ended(&self, shard: ShardId) {
        self.status().ended[shard.index()] = true;
        self.changed.notify_all();
    }

    /// Waits until all services have ended, or someone asks for the stop.
    pub(super) fn wait_for_services(&self) {
        let mut status = self.status();
        while status.services > 0 && status.over_at.is_none() {
            status = self
                .changed
                .wait(status)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// After a stop: waits until all threads have ended, or it is no use. Which have ended?
    pub(super) fn wait_for_threads(&self) -> Box<[bool]> {
        let mut status = self.status();
        loop {
            let now = clock::system_now();
            let over_at = status.over_at.unwrap_or(now).checked_add(self.patience);
            let left = over_at.map_or(self.patience, |at| at.saturating_duration_since(now));
            if left.is_zero() || status.ended.iter().all(|&ended| ended) {
                return status.ended.clone();
            }
            status = self
                .changed
                .wait_timeout(status, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(super) fn take_failures(&self) -> Vec<ShardFailure> {
        std::mem::take(&mut self.status().failures)
    }
}

/// A service that has not ended. It has when this is dropped.
pub(super) struct Service(Arc<Core>, ShardId);

impl Service {
    pub(super) fn end(self, ending: Ending) {
        let Service(core, shard) = &self;
        if let Err(reason) = ending {
            core.fail_and_tell(*shard, reason);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.status().services -= 1;
        self.0.notify();
    }
}

//! Context of a shard: the state that its own thread uses.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;

use crate::executor::group::{Group, Scope};
use crate::executor::{current, reserve_id, spawn_at};
use crate::group::GroupTask;
use crate::runtime::AdaptiveSpin;
use crate::shard::call::outbox::{Batch, CallOutbox};
use crate::shard::call::pending::PendingCalls;
use crate::shard::call::pool::CallPool;
use crate::shard::error::FailureReason;
use crate::shard::id::ShardId;
use crate::shard::mesh::Mesh;
use crate::shard::mesh::receiver::MeshReceiver;
use crate::shard::mesh::sender::MeshSender;
use crate::shard::shared::{Ending, LoopEvent, ServiceGuard, Shared};
use crate::shard::waker_cell::WakerCell;
use crate::task::JoinError;
use crate::time::{Instant, Sleep, sleep_until};

/// State of a shard that stays on its thread.
pub(super) struct ShardContext {
    pub(super) id: ShardId,
    pub(super) shared: Arc<Shared>,
    /// When services are cancelled, once the shard was asked to stop.
    stop_deadline: Cell<Option<Instant>>,
    /// Services of this shard that have not ended.
    services: Cell<usize>,
    /// Waker of the future of `block_on`.
    main: WakerCell,
    /// The services of this shard, and what they have spawned.
    pub(super) group: Rc<Group>,
    /// Spin of this thread's loop.
    pub(super) adaptive_spin: Rc<AdaptiveSpin>,
    /// Used by the flusher only.
    pub(super) requests: MeshSender<Batch>,
    pub(super) outbox: CallOutbox,
    /// Waker of the task that receives requests.
    pub(super) request_task: WakerCell,
    /// Waker of the task that receives replies.
    pub(super) reply_task: WakerCell,
    pub(super) pending: PendingCalls,
    pub(super) pool: CallPool,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<ShardContext>>> = const { RefCell::new(None) };
}

impl ShardContext {
    /// Returns the context of this thread's shard, if the thread is that of a shard.
    pub(super) fn current() -> Option<Rc<ShardContext>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok()?
    }

    /// Wakes the tasks that receive what other shards have sent. `events` is a set of
    /// [`LoopEvent`]s.
    pub(super) fn on_raised(events: u8) {
        let Some(context) = ShardContext::current() else {
            return;
        };
        if LoopEvent::Requests.is_in(events) {
            context.request_task.wake();
        }
        if LoopEvent::Replies.is_in(events) {
            context.reply_task.wake();
        }
    }

    /// Makes this thread the thread of shard `id` while `f` runs.
    pub(super) fn enter<R>(
        id: ShardId,
        shared: &Arc<Shared>,
        adaptive_spin: Rc<AdaptiveSpin>,
        f: impl FnOnce(&Rc<ShardContext>, MeshReceiver<Batch>) -> R,
    ) -> R {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                let context = CURRENT.take();
                drop(context);
            }
        }
        let (requests, incoming) = Mesh::join_as(&shared.requests, id);
        let context = Rc::new(ShardContext {
            id,
            shared: shared.clone(),
            stop_deadline: Cell::new(None),
            services: Cell::new(0),
            main: WakerCell::default(),
            group: Group::new(None),
            adaptive_spin,
            requests,
            outbox: CallOutbox::new(shared.handles.len()),
            request_task: WakerCell::default(),
            reply_task: WakerCell::default(),
            pending: PendingCalls::default(),
            pool: CallPool::default(),
        });
        CURRENT.set(Some(context.clone()));
        let _leave = Leave;
        f(&context, incoming)
    }

    /// Starts a service of this shard, which `guard` counts.
    pub(super) fn start<S, F>(
        self: &Rc<ShardContext>,
        guard: ServiceGuard,
        location: &'static Location<'static>,
        service: S,
    ) where
        S: FnOnce(Rc<ShardContext>) -> F + 'static,
        F: Future<Output = Ending> + 'static,
    {
        /// Counts the service as running on this shard, also when its task is cancelled.
        struct LocalGuard(Rc<ShardContext>);
        impl Drop for LocalGuard {
            fn drop(&mut self) {
                self.0.services.set(self.0.services.get() - 1);
                self.0.main.wake();
            }
        }
        self.services.set(self.services.get() + 1);
        let here = LocalGuard(self.clone());
        let service = async move {
            let context = here.0.clone();
            let run = AssertUnwindSafe(async move { service(context).await }).catch_unwind();
            guard.end(run.await.unwrap_or_else(|payload| {
                let id = crate::executor::try_id().unwrap_or_else(reserve_id);
                Err(FailureReason::Panicked(JoinError::panicked(id, payload)))
            }));
        };
        let scope = Scope {
            group: self.group.clone(),
            is_background: false,
        };
        let spawn = || drop(spawn_at(location, service));
        current::with(|executor| executor.in_scope(Some(scope), spawn));
    }

    /// Asks this thread's shard to stop within `limit`, if the thread is that of a shard.
    pub(super) fn stop_current(limit: Duration) {
        if let Some(context) = ShardContext::current() {
            context.stop(limit);
        }
    }

    /// Asks the shard to stop within `limit`. A later call can only make the deadline earlier.
    fn stop(&self, limit: Duration) {
        let deadline = Instant::now()
            .checked_add(limit)
            .unwrap_or_else(Instant::far_future);
        let known = self.stop_deadline.get();
        if known.is_none_or(|known| deadline < known) {
            self.stop_deadline.set(Some(deadline));
        }
        self.group.stop();
        self.main.wake();
    }

    /// Whether the shard was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop_deadline.get().is_some()
    }

    /// Waits for a stop, and then until all services and what they have spawned have ended, or the
    /// deadline has passed.
    pub(super) async fn until_stopped(&self) {
        let mut sleep: Option<Pin<Box<Sleep>>> = None;
        let mut armed_for = None;
        let mut place = None;
        let in_time = poll_fn(|cx| {
            self.main.register(cx.waker());
            let Some(deadline) = self.stop_deadline.get() else {
                return Poll::Pending;
            };
            let is_empty = self.group.poll_counted(&mut place, cx.waker()).is_ready();
            if self.services.get() == 0 && is_empty {
                return Poll::Ready(true);
            }
            if armed_for != Some(deadline) {
                armed_for = Some(deadline);
                sleep = Some(Box::pin(sleep_until(deadline)));
            }
            match &mut sleep {
                Some(sleep) => sleep.as_mut().poll(cx).map(|()| false),
                None => Poll::Pending,
            }
        })
        .await;
        self.group.remove_empty_waiter(place);
        if !in_time {
            let tasks = current::with(|executor| GroupTask::all(&self.group, executor));
            self.shared
                .record_failure(self.id, FailureReason::TimedOut(tasks));
        }
    }
}

//! A shard as its own thread has it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;

use crate::executor::{reserve_id, spawn_at};
use crate::runtime::AdaptiveSpin;
use crate::shard::call::outbox::{Bundle, Post};
use crate::shard::call::pending::Pending;
use crate::shard::call::pool::Boxes;
use crate::shard::error::FailureReason;
use crate::shard::mesh::Mesh;
use crate::shard::mesh::receiver::MeshReceiver;
use crate::shard::mesh::sender::MeshSender;
use crate::shard::shared::{Core, Ending, LoopEvent, Service};
use crate::shard::waker_cell::Standby;
use crate::shard::{Shard, ShardId};
use crate::task::JoinError;
use crate::task::waker::wake_catching_panics;
use crate::task::waker_set::WakerSet;
use crate::time::{Instant, Sleep, sleep_until};

pub(super) struct Local {
    pub(super) id: ShardId,
    pub(super) core: Arc<Core>,
    /// Asked to stop, and by when.
    stop_by: Cell<Option<Instant>>,
    /// Services of this shard that have not ended.
    services: Cell<usize>,
    /// Of the future of `block_on`.
    main: Standby,
    /// Who waits to hear of the stop.
    stopping: RefCell<WakerSet>,
    /// Of this thread's loop.
    pub(super) adaptive_spin: Rc<AdaptiveSpin>,
    /// Used by the carrier alone.
    pub(super) asks: MeshSender<Bundle>,
    pub(super) post: Post,
    /// The tasks that take calls in, and answers.
    pub(super) calls: Standby,
    pub(super) answers: Standby,
    pub(super) pending: Pending,
    pub(super) boxes: Boxes,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Local>>> = const { RefCell::new(None) };
}

impl Local {
    /// The shard whose thread this is, if it is one's.
    pub(super) fn current() -> Option<Rc<Local>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok()?
    }

    /// Another shard has sent something.
    pub(super) fn nudged(kinds: u8) {
        let Some(local) = Local::current() else {
            return;
        };
        if LoopEvent::Calls.is_among(kinds) {
            local.calls.call();
        }
        if LoopEvent::Answers.is_among(kinds) {
            local.answers.call();
        }
    }

    /// Makes this thread a shard's, while `f` runs.
    pub(super) fn enter<R>(
        id: ShardId,
        core: &Arc<Core>,
        adaptive_spin: Rc<AdaptiveSpin>,
        f: impl FnOnce(&Rc<Local>, MeshReceiver<Bundle>) -> R,
    ) -> R {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                let local = CURRENT.take();
                drop(local);
            }
        }
        let (asks, incoming) = Mesh::join_as(&core.calls, id);
        let local = Rc::new(Local {
            id,
            core: core.clone(),
            stop_by: Cell::new(None),
            services: Cell::new(0),
            main: Standby::default(),
            stopping: RefCell::default(),
            adaptive_spin,
            asks,
            post: Post::new(core.handles.len()),
            calls: Standby::default(),
            answers: Standby::default(),
            pending: Pending::default(),
            boxes: Boxes::default(),
        });
        CURRENT.set(Some(local.clone()));
        let _leave = Leave;
        f(&local, incoming)
    }

    pub(super) fn start<S, F>(
        self: &Rc<Local>,
        counted: Service,
        location: &'static Location<'static>,
        service: S,
    ) where
        S: FnOnce(Shard) -> F + 'static,
        F: Future<Output = Ending> + 'static,
    {
        /// Counts down, also when the task is cancelled.
        struct Counted(Rc<Local>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.services.set(self.0.services.get() - 1);
                self.0.main.call();
            }
        }
        self.services.set(self.services.get() + 1);
        let here = Counted(self.clone());
        drop(spawn_at(location, async move {
            let shard = Shard(here.0.clone());
            let run = AssertUnwindSafe(async move { service(shard).await }).catch_unwind();
            counted.end(run.await.unwrap_or_else(|payload| {
                let id = crate::executor::try_id().unwrap_or_else(reserve_id);
                Err(FailureReason::Panicked(JoinError::panicked(id, payload)))
            }));
        }));
    }

    /// Asked to stop. A second time may only say sooner.
    pub(super) fn stop(&self, limit: Duration) {
        let by = Instant::now()
            .checked_add(limit)
            .unwrap_or_else(Instant::far_future);
        if self.stop_by.get().is_none_or(|known| by < known) {
            self.stop_by.set(Some(by));
        }
        let waiting: Vec<Waker> = {
            let mut stopping = self.stopping.borrow_mut();
            stopping.take_all().collect()
        };
        // They may be anyone's, and the others have to hear of it, too.
        waiting.into_iter().for_each(wake_catching_panics);
        self.main.call();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop_by.get().is_some()
    }

    /// Until all services have ended after a stop, or the time for it is over.
    pub(super) async fn until_the_end(&self) {
        let mut sleep: Option<Pin<Box<Sleep>>> = None;
        let mut armed_for = None;
        let in_time = poll_fn(|cx| {
            self.main.stand_by(cx.waker());
            let Some(by) = self.stop_by.get() else {
                return Poll::Pending;
            };
            if self.services.get() == 0 {
                return Poll::Ready(true);
            }
            if armed_for != Some(by) {
                armed_for = Some(by);
                sleep = Some(Box::pin(sleep_until(by)));
            }
            match &mut sleep {
                Some(sleep) => sleep.as_mut().poll(cx).map(|()| false),
                None => Poll::Pending,
            }
        })
        .await;
        if !in_time {
            self.core.fail(self.id, FailureReason::TimedOut);
        }
    }
}

/// The future of [`Shard::stopping`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Stopping {
    shard: Shard,
    id: Option<usize>,
}

impl Stopping {
    pub(super) fn new(shard: Shard) -> Stopping {
        Stopping { shard, id: None }
    }
}

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let local = self.shard.0.clone();
        if local.is_stopping() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut waiting = local.stopping.borrow_mut();
        let place = *self.id.get_or_insert_with(|| waiting.insert());
        let old = waiting.set(place, Some(waker));
        drop(waiting);
        // What a waker does when it is dropped is its own affair.
        drop(old);
        // Cloning it may have run user code, which may have asked the shard to stop.
        if local.is_stopping() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let old = self.shard.0.stopping.borrow_mut().remove(id);
            drop(old);
        }
    }
}

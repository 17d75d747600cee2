//! Requests and replies of a shard that wait to be sent, in one batch for each target shard.
//!
//! The flusher (`call/flush.rs`), a task of each shard, sends what was gathered when its turn
//! comes, after the tasks that were ready before it. So the queue, the fence and the wake that hand
//! something over to another processor are paid once a batch.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::Poll;

use crate::shard::call::message::{Answer, BATCH_SIZE, MAX_BATCHES_IN_FLIGHT, Reply};
use crate::shard::id::ShardId;
use crate::shard::mesh::wait_list::{WaitList, WaitListEntry};
use crate::shard::waker_cell::WakerCell;

/// A call on its way to the shard that runs it.
pub(in crate::shard) trait Request: Send {
    /// Starts the call on this shard, whose outbox is given.
    fn begin(self: Box<Self>, outbox: &CallOutbox);
}

/// Requests that travel together.
pub(in crate::shard) type Batch = Vec<Box<dyn Request>>;

/// Requests and replies gathered for one shard.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) requests: RefCell<Batch>,
    /// Tasks that wait for space in the batch.
    pub(super) waiters: WaitList,
    pub(super) replies: RefCell<Vec<Reply>>,
}

/// Vectors of received batches, reused for batches to be sent. So between two shards that call each
/// other nothing is allocated, nor freed on a thread that did not allocate it.
pub(super) struct Spare<T>(RefCell<Vec<Vec<T>>>);

/// Requests and replies gathered for all shards, and the waker of the flusher.
pub(in crate::shard) struct CallOutbox {
    pub(super) to: Box<[Outgoing]>,
    pub(super) spare_requests: Spare<Box<dyn Request>>,
    pub(super) spare_replies: Spare<Reply>,
    /// Whether something was added since the flusher's last turn.
    pub(super) dirty: Cell<bool>,
    pub(super) flusher: WakerCell,
    /// Whether the flusher is gone.
    pub(super) closed: Cell<bool>,
}

impl<T> Default for Spare<T> {
    fn default() -> Spare<T> {
        Spare(RefCell::default())
    }
}

impl<T> Spare<T> {
    /// Takes the gathered entries and leaves an empty vector in its place.
    #[inline]
    pub(super) fn take(&self, gathered: &RefCell<Vec<T>>) -> Vec<T> {
        if gathered.borrow().is_empty() {
            return Vec::new();
        }
        let spare = self.0.borrow_mut().pop();
        let len = gathered.borrow().len();
        gathered.replace(spare.unwrap_or_else(|| Vec::with_capacity(len)))
    }

    /// Keeps a vector for reuse, or frees it.
    #[inline]
    pub(super) fn keep(&self, empty: Vec<T>) {
        let mut spare = self.0.borrow_mut();
        // A batch of replies has no limit, so its vector may be too large to keep.
        let is_small = empty.capacity() <= 4 * BATCH_SIZE;
        if empty.is_empty() && spare.len() < MAX_BATCHES_IN_FLIGHT && is_small {
            spare.push(empty);
        }
    }
}

impl Outgoing {
    /// Adds a request if it is `first` in the wait list and the batch has space. Otherwise gives it
    /// back.
    #[inline]
    fn push_if(&self, first: bool, request: Box<dyn Request>) -> Result<(), Box<dyn Request>> {
        let mut requests = self.requests.borrow_mut();
        if first && requests.len() < BATCH_SIZE {
            requests.push(request);
            return Ok(());
        }
        Err(request)
    }
}

impl CallOutbox {
    /// Makes the outbox of one of `shards` shards.
    pub(in crate::shard) fn new(shards: usize) -> CallOutbox {
        CallOutbox {
            to: (0..shards).map(|_| Outgoing::default()).collect(),
            spare_requests: Spare::default(),
            spare_replies: Spare::default(),
            dirty: Cell::new(false),
            flusher: WakerCell::default(),
            closed: Cell::new(false),
        }
    }

    /// Whether the flusher is gone, so that no batch is sent any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    fn to(&self, shard: ShardId) -> &Outgoing {
        &self.to[shard.index()]
    }

    /// Adds a request to the batch. Gives it back if the batch is full or other tasks wait for
    /// space in it.
    #[inline]
    pub(super) fn try_push(
        &self,
        to: ShardId,
        request: Box<dyn Request>,
    ) -> Result<(), Box<dyn Request>> {
        let outgoing = self.to(to);
        outgoing.push_if(outgoing.waiters.is_empty(), request)
    }

    /// Adds a request to the batch after the tasks that wait for space before it. Drops the request
    /// if the outbox has closed; the drop answers the call.
    pub(super) async fn push(&self, to: ShardId, request: Box<dyn Request>) {
        let outgoing = self.to(to);
        // Its drop wakes the next task in the list.
        let mut entry = WaitListEntry::new(&outgoing.waiters);
        let mut request = Some(request);
        poll_fn(|cx| {
            request = request
                .take()
                .filter(|_| !self.is_closed())
                .and_then(|request| outgoing.push_if(entry.is_first(), request).err());
            if request.is_none() {
                return Poll::Ready(());
            }
            entry.wait(cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Wakes the flusher, if it was not woken since its last turn.
    #[inline]
    pub(super) fn schedule_flush(&self) {
        if !self.dirty.replace(true) {
            self.flusher.wake();
        }
    }

    /// Adds a reply to the batch for a shard. If the outbox has closed, calls `send` with the
    /// reply.
    #[inline]
    pub(super) fn push_reply(
        &self,
        to: ShardId,
        key: usize,
        answer: Answer,
        send: impl FnOnce(Vec<Reply>),
    ) {
        if self.closed.get() {
            return send(vec![Reply { key, answer }]);
        }
        let mut replies = self.to(to).replies.borrow_mut();
        replies.push(Reply { key, answer });
        drop(replies);
        self.schedule_flush();
    }
}

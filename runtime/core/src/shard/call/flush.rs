//! The task of a shard that sends the batches of its outbox.

use std::rc::Rc;
use std::task::{Context, Poll};

use crate::shard::context::ShardContext;
use crate::shard::mesh::queue::PushError;

/// Sends what was gathered. It is dropped when the shard ends; from then on replies are sent one by
/// one.
pub(super) struct Flusher(pub(super) Rc<ShardContext>);

impl Flusher {
    /// Sends all batches that the other shards have capacity for. Never ready.
    pub(super) fn flush(&self, cx: &mut Context<'_>) -> Poll<()> {
        let ShardContext {
            outbox,
            shared,
            requests,
            adaptive_spin,
            ..
        } = &*self.0;
        let waker = cx.waker();
        outbox.flusher.register(waker);
        outbox.dirty.set(false);
        for (to, outgoing) in outbox.to.iter().enumerate() {
            let replies = outbox.spare_replies.take(&outgoing.replies);
            if !replies.is_empty() {
                shared.send_replies(to, replies);
                // A shard that has called once may soon call again.
                adaptive_spin.expect_reply();
            }
            let batch = outbox.spare_requests.take(&outgoing.requests);
            if batch.is_empty() {
                continue;
            }
            adaptive_spin.expect_reply();
            match requests.push_or_wait(to, batch, waker, || shared.notify_requests(to)) {
                Err(PushError::Full(batch)) => {
                    outbox.spare_requests.keep(outgoing.requests.replace(batch));
                }
                // A refused batch is dropped here, which answers its calls.
                Ok(()) | Err(PushError::Closed(_)) => outgoing.waiters.wake_first(),
            }
        }
        Poll::Pending
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        let ShardContext { outbox, shared, .. } = &*self.0;
        outbox.closed.set(true);
        for (to, outgoing) in outbox.to.iter().enumerate() {
            let replies = outgoing.replies.take();
            if !replies.is_empty() {
                shared.send_replies(to, replies);
            }
        }
        for outgoing in &outbox.to {
            // The drop of each request answers its call, which is one of this shard.
            drop(outgoing.requests.take());
            outgoing.waiters.wake_first();
        }
    }
}

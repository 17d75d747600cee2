//! Replies to calls, and the limits of batches.

use std::any::Any;

use crate::shard::call::inbox::Inbox;

/// Most batches of requests in flight from one shard to another.
pub(in crate::shard) const MAX_BATCHES_IN_FLIGHT: usize = 8;

/// Most requests in a batch. Further ones wait in a list.
pub(super) const BATCH_SIZE: usize = 128;

/// The call's box with its output in it; `None` if the call was lost on its way there.
pub(super) type Answer = Option<Box<dyn Any + Send>>;

/// Answer to the call with the number `key`.
pub(in crate::shard) struct Reply {
    pub(super) key: usize,
    pub(super) answer: Answer,
}

/// Queue of the batches of replies for one shard. It holds at most as many replies as the shard has
/// made calls.
pub(in crate::shard) type Replies = Inbox<Vec<Reply>>;

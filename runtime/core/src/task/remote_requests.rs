//! Requests of other threads to a task.
//!
//! Other threads never access the state of a task. They set a bit here, and the thread that sets
//! the first bit also sends the task to its owner through the remote queue. When the task arrives,
//! the owner takes all bits at once.
//!
//! No request is lost, because both sides use a read-modify-write. A thread that finds a bit
//! already set is ordered before the take that sees its own bit. A thread that comes after the take
//! finds no bit set, and sends the task again.

use crate::primitives::atomic::{AtomicU8, Ordering};

/// Request to poll the task.
pub(crate) const WAKE: u8 = 1 << 0;
/// Request to cancel the task.
pub(crate) const ABORT: u8 = 1 << 1;
/// The task is done, so requests have no effect. Set by the owner, never cleared.
const FINISHED: u8 = 1 << 7;

/// Pending requests of other threads to one task.
pub(crate) struct RemoteRequests(AtomicU8);

impl RemoteRequests {
    /// Creates an empty set of requests.
    pub(crate) fn new() -> RemoteRequests {
        RemoteRequests(AtomicU8::new(0))
    }

    /// Adds a request. `true`: it is the first one, and the caller has to send the task to its
    /// owner.
    pub(crate) fn set(&self, request: u8) -> bool {
        // Release: what the caller did before happens before the owner acts on the request.
        // Acquire: the caller may read what the owner last wrote.
        self.0.fetch_or(request, Ordering::AcqRel) == 0
    }

    /// Takes all requests, on the owner thread.
    pub(crate) fn take(&self) -> u8 {
        self.0.fetch_and(FINISHED, Ordering::AcqRel) & !FINISHED
    }

    /// Records that the task is done, on the owner thread.
    pub(crate) fn finish(&self) {
        self.0.fetch_or(FINISHED, Ordering::AcqRel);
    }

    /// Whether the owner has recorded that the task is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.0.load(Ordering::Acquire) & FINISHED != 0
    }
}

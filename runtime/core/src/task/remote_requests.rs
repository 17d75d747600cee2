//! What other threads ask of a task.
//!
//! They never touch its state. They leave a bit here, and the first to leave one also sends the
//! task to its owner through the remote queue; later ones ride along. The owner empties the box
//! when the task arrives.
//!
//! No request is lost: the owner empties with a read-modify-write, and so does everyone else. A
//! thread that found a bit already there is ordered before the emptying that sees its own bit; a
//! thread that comes after it finds the box empty and sends again.

use crate::primitives::atomic::{AtomicU8, Ordering};

/// Poll the task.
pub(crate) const WAKE: u8 = 1 << 0;
/// Cancel the task.
pub(crate) const ABORT: u8 = 1 << 1;
/// Written by the owner: the task is done, requests are pointless. Never cleared.
const FINISHED: u8 = 1 << 7;

pub(crate) struct RemoteRequests(AtomicU8);

impl RemoteRequests {
    pub(crate) fn new() -> RemoteRequests {
        RemoteRequests(AtomicU8::new(0))
    }

    /// Leaves a request. `true` means: you are the first, send the task to its owner.
    pub(crate) fn set(&self, request: u8) -> bool {
        // Release: what the caller did before happens before the owner acts on the request.
        // Acquire: as the caller may go on to read what the owner last wrote.
        self.0.fetch_or(request, Ordering::AcqRel) == 0
    }

    /// Empties the box, on the owner thread.
    pub(crate) fn take(&self) -> u8 {
        self.0.fetch_and(FINISHED, Ordering::AcqRel) & !FINISHED
    }

    /// Says that the task is done, on the owner thread.
    pub(crate) fn finish(&self) {
        self.0.fetch_or(FINISHED, Ordering::AcqRel);
    }

    /// Has the owner said that the task is done?
    pub(crate) fn is_finished(&self) -> bool {
        self.0.load(Ordering::Acquire) & FINISHED != 0
    }
}

//! The identity of a thread.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

/// Number of a thread, unique for the life of the process. Unlike `std::thread::current` it may be
/// called while the thread's local values are destroyed, where a [`Sleep`](super::sleep::Sleep) may
/// be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadNumber(u64);

thread_local! {
    // Zero until the first call. Without a destructor, so that it outlives all other local values.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

impl ThreadNumber {
    /// Returns the number of the calling thread.
    pub(crate) fn current() -> ThreadNumber {
        // Not an atomic, as not all processors have those of 64 bits. Locked once for each thread.
        static LAST: Mutex<u64> = Mutex::new(0);
        if NUMBER.get() == 0 {
            let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
            *last += 1;
            NUMBER.set(*last);
        }
        ThreadNumber(NUMBER.get())
    }

    /// Whether this is the number of the calling thread.
    pub(crate) fn is_current(self) -> bool {
        NUMBER.get() == self.0
    }
}

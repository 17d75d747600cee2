//! The atomics and the queue that other threads reach, with loom's twins behind `--cfg loom`.
//!
//! Only what the models in `models.rs` explore comes through here; the rest of the crate uses std.

#[cfg(not(loom))]
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};
}

#[cfg(loom)]
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};
}

#[cfg(not(loom))]
pub(crate) use crossbeam_queue::SegQueue as Queue;

/// A stand-in that loom can see through. The lock orders push before pop as the real queue does;
/// it is the flag beside the queue that the models put to the test.
#[cfg(loom)]
pub(crate) struct Queue<T>(loom::sync::Mutex<std::collections::VecDeque<T>>);

#[cfg(loom)]
impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Queue(loom::sync::Mutex::new(std::collections::VecDeque::new()))
    }

    pub(crate) fn push(&self, item: T) {
        self.0.lock().unwrap().push_back(item);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.lock().unwrap().pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

//! A channel: its state and its messages, in one allocation that all handles share.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::queue::Queue;
use super::state::State;
use crate::unwind::catch_each;

pub(super) struct Chan<T> {
    pub(super) state: State,
    queue: Queue<T>,
}

// A panic of user code finds the channel in order: it runs after the channel has been changed.
impl<T> UnwindSafe for Chan<T> {}
impl<T> RefUnwindSafe for Chan<T> {}

impl<T> Chan<T> {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Chan<T> {
        Chan {
            state: State::new(capacity),
            queue: Queue::new(),
        }
    }

    /// Sends a message to a place that was reserved for it. Drops it if the receiver is gone.
    #[inline]
    pub(super) fn push(&self, value: T) {
        if self.state.is_gone() {
            return self.refuse(value);
        }
        self.queue.push(value);
        self.state.wake_receiver();
    }

    /// A message in the queue could contain a sender, which would keep its own channel alive.
    #[cold]
    #[inline(never)]
    fn refuse(&self, value: T) {
        self.state.give_back(1);
        drop(value);
    }

    /// Takes the first message out. Frees its place, which may run user code: wakers, whose panics
    /// are caught.
    #[inline]
    pub(super) fn pop(&self) -> Option<T> {
        let value = self.queue.pop();
        if value.is_some() {
            self.state.free(1);
        }
        value
    }

    /// As [`pop`](Self::pop), for several. Returns how many there were.
    pub(super) fn pop_many(&self, buffer: &mut Vec<T>, limit: usize) -> usize {
        let count = self.queue.pop_many(buffer, limit);
        if count > 0 {
            self.state.free(count);
        }
        count
    }

    /// Whether the receiver need not wait: there is a message, or none can come any more. Stays
    /// true until a message is taken out.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        !self.queue.is_empty() || self.state.is_finished()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Ends the channel, as the receiver is dropped, and drops all messages. A panic of a drop is
    /// caught, so that the others are dropped as well.
    pub(super) fn end(&self) {
        self.state.end();
        catch_each(|| match self.pop() {
            Some(value) => {
                drop(value);
                true
            }
            None => false,
        });
        self.state.receiver().given_up();
        // Last, as it may panic.
        drop(self.state.receiver().take());
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chan")
            .field("len", &self.len())
            .field("waiting", &self.state.waiting())
            .field("closed", &self.state.is_closed())
            .finish_non_exhaustive()
    }
}

//! Messages from other threads to the loop: tasks that these threads woke or aborted, calls, and
//! events.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::remote::Sent;
use super::{ClassQueue, Executor};
use crate::task::header::TaskPtr;
use crate::task::lifecycle;
use crate::task::waker;
use crate::unwind::catch_panic;

/// A message from another thread.
pub(super) enum Message {
    /// A task with remote requests, or only a reference to it that the owner has to drop.
    Task(TaskPtr),
    /// A function to call on the owner thread.
    Call(Box<dyn FnOnce() + Send>),
}

// SAFETY: a task that is sent is accessed on its owner thread alone; once it is merged, any thread
// uses only the parts of it that all threads may use.
unsafe impl Send for Message {}

impl Executor {
    /// Whether other threads have sent something.
    pub(crate) fn is_pending(&self) -> bool {
        self.remote.is_pending()
    }

    /// Receives what other threads have sent.
    #[inline(always)]
    pub(crate) fn receive(&self) {
        if self.remote.is_pending() {
            self.receive_pending();
        }
    }

    #[cold]
    fn receive_pending(&self) {
        let before = self.counts.received.get();
        let events = self.remote.receive(|message| {
            self.counts.received.set(self.counts.received.get() + 1);
            match message {
                // SAFETY: owner thread; the reference came with the message.
                Message::Task(task) => unsafe { lifecycle::receive::<ClassQueue>(task) },
                // A call is a closure of this crate, which catches panics of the user code that it
                // calls. Dropping its captures may still panic, which must not end the loop.
                Message::Call(call) => catch_panic(call),
            }
        });
        if events != 0 {
            let kinds = u64::from(events.count_ones());
            self.counts.received.set(self.counts.received.get() + kinds);
            (self.on_raised.get())(events);
        }
        self.trace.drained(self.counts.received.get() - before);
    }

    /// Sets the function that the loop calls for events. Its argument has one bit for each kind.
    pub(crate) fn on_raised(&self, f: fn(u8)) {
        self.on_raised.set(f);
    }

    /// Raises an event of a kind, 0 to 4. May be called on any thread, after the data of the event
    /// was stored for the loop.
    pub(crate) fn raise(&self, kind: u32) {
        if self.remote.raise(kind) == Sent::Notify {
            self.notify();
        }
    }

    /// Sends a function to the loop, which calls it in [`receive`](Self::receive). May be called on
    /// any thread. If the runtime has ended, the function is dropped instead.
    pub(crate) fn call(self: &Arc<Self>, call: Box<dyn FnOnce() + Send>) {
        self.post(Message::Call(call));
    }

    /// Sends a task to its owner, with the caller's reference to it. May be called on any thread.
    #[inline(always)]
    pub(super) fn send_task(&self, task: TaskPtr) {
        self.post(Message::Task(task));
    }

    fn post(&self, message: Message) {
        match self.remote.send(message) {
            Sent::Done => {}
            Sent::Notify => self.notify(),
            Sent::Closed => self.empty_closed(),
        }
    }

    fn notify(&self) {
        self.notified.fetch_add(1, Ordering::Relaxed);
        self.notifier.notify();
    }

    /// Drops the messages that were sent to a closed queue.
    pub(super) fn empty_closed(&self) {
        while let Some(message) = self.remote.pop() {
            match message {
                // SAFETY: the reference came with the message.
                Message::Task(task) => unsafe { waker::drop_anywhere::<ClassQueue>(task) },
                // The captures are the user's, and their drops may panic.
                Message::Call(call) => catch_panic(|| drop(call)),
            }
        }
    }
}

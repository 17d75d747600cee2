//! What other threads send to the loop: tasks that were woken or aborted there, calls, and events.

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
    /// A task with something in its remote_requests, or only a reference that goes home.
    Task(TaskPtr),
    /// Something to do on the loop's thread.
    Call(Box<dyn FnOnce() + Send>),
}

// SAFETY: a task sent here is only looked into on its owner thread, or, once it is merged, by the
// parts of it that every thread may use.
unsafe impl Send for Message {}

impl Executor {
    /// Did other threads send something?
    pub(crate) fn is_pending(&self) -> bool {
        self.remote.is_pending()
    }

    /// Takes in what other threads sent.
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
                // A call is made by this crate and keeps its user's panics to itself; what it drops
                // may still panic, which must not end the loop.
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

    /// From now on, a nudge is a call of `f` on the loop's thread.
    pub(crate) fn on_raised(&self, f: fn(u8)) {
        self.on_raised.set(f);
    }

    /// Says that there is something of that kind, which is less than 5. Any thread, after it was put where
    /// the loop will look for it.
    pub(crate) fn raise(&self, kind: u32) {
        if self.remote.raise(kind) == Sent::Notify {
            self.notify();
        }
    }

    /// Does something on the loop's thread, soon. Any thread. After the end of the runtime the call
    /// is dropped instead.
    pub(crate) fn call(self: &Arc<Self>, call: Box<dyn FnOnce() + Send>) {
        self.post(Message::Call(call));
    }

    /// Sends a task to its owner, with the reference that the caller gives up. Any thread.
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

    /// Drops the messages that came too late.
    pub(super) fn empty_closed(&self) {
        while let Some(message) = self.remote.pop() {
            match message {
                // SAFETY: the reference came with the message.
                Message::Task(task) => unsafe { waker::drop_anywhere::<ClassQueue>(task) },
                // What it captured is the user's, and may panic in its drop.
                Message::Call(call) => catch_panic(|| drop(call)),
            }
        }
    }
}

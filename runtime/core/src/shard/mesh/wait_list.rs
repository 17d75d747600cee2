//! List of the tasks of a shard that wait for space, first come, first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::task::coop::{self, RestoreOnPending};
use crate::task::waker::wake_quietly;

/// List of waiting tasks. The first one has registered its waker with what it waits for, or is
/// about to be polled. It wakes the next one when it leaves the list.
#[derive(Default)]
pub(in crate::shard) struct WaitList {
    /// An entry without a waker was woken; it stores its waker again when it is polled and has to
    /// continue to wait.
    entries: RefCell<VecDeque<(u64, Option<Waker>)>>,
    last_id: Cell<u64>,
    /// How many tasks have waited in this list to [become ready](super::MeshSender::ready) and have
    /// not tried to send since. Reset when the first task joins an empty list.
    permits: Cell<u32>,
}

impl WaitList {
    /// Whether no task waits.
    #[inline]
    pub(in crate::shard) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Whether a task may send now without joining the list: if the list is empty, or if there is a
    /// permit, which it consumes.
    #[inline]
    pub(super) fn try_pass(&self) -> bool {
        self.is_empty() || self.take_permit()
    }

    /// Consumes a permit. Returns whether there was one.
    fn take_permit(&self) -> bool {
        let permits = self.permits.get();
        self.permits.set(permits.saturating_sub(1));
        permits > 0
    }

    /// Wakes the first task: there is space.
    pub(in crate::shard) fn wake_first(&self) {
        let first = self
            .entries
            .borrow_mut()
            .front_mut()
            .map(|(_, waker)| waker.take());
        if let Some(first) = first.flatten() {
            // It may be a foreign waker: its panic must not unwind into the caller.
            wake_quietly(first);
        }
    }

    /// Wakes all tasks. Each takes its entry out when it is polled or dropped.
    pub(super) fn wake_all(&self) {
        let wakers: Vec<Waker> = {
            let mut entries = self.entries.borrow_mut();
            entries
                .iter_mut()
                .filter_map(|(_, waker)| waker.take())
                .collect()
        };
        wakers.into_iter().for_each(wake_quietly);
    }
}

/// Entry of a task in a wait list, which it joins at its first [`wait`](Self::wait) and leaves when
/// it is dropped.
pub(in crate::shard) struct WaitListEntry<'a> {
    list: &'a WaitList,
    id: Option<u64>,
}

impl<'a> WaitListEntry<'a> {
    /// Makes an entry that is not in the list yet.
    pub(in crate::shard) fn new(list: &'a WaitList) -> WaitListEntry<'a> {
        WaitListEntry { list, id: None }
    }

    /// Consumes the cooperative budget. A task that has to yield keeps its position in the list.
    pub(super) fn poll_proceed(&mut self, cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
        let proceed = coop::poll_proceed(cx);
        if proceed.is_pending() {
            self.wait(cx.waker());
        }
        proceed
    }

    /// Adds a permit, if the task has waited in the list: it may send once before the tasks that
    /// wait behind it.
    pub(super) fn add_permit(&self) {
        if self.id.is_some() {
            self.list.permits.set(self.list.permits.get() + 1);
        }
    }

    /// Consumes a permit of the list, if there is one: the task has sent.
    pub(super) fn take_permit(&self) {
        self.list.take_permit();
    }

    /// Whether the task is the first in the list. So is a task that has not joined an empty list.
    pub(in crate::shard) fn is_first(&self) -> bool {
        let first = self.list.entries.borrow().front().map(|&(id, _)| id);
        first == self.id
    }

    /// Joins the list, if the task has not, and stores its waker.
    pub(in crate::shard) fn wait(&mut self, waker: &Waker) {
        let waker = waker.clone();
        let mut entries = self.list.entries.borrow_mut();
        let old = match self.id {
            None => {
                if entries.is_empty() {
                    self.list.permits.set(0);
                }
                let id = self.list.last_id.get() + 1;
                self.list.last_id.set(id);
                self.id = Some(id);
                entries.push_back((id, Some(waker)));
                None
            }
            Some(id) => entries
                .iter_mut()
                .find(|(known, _)| *known == id)
                .and_then(|(_, old)| old.replace(waker)),
        };
        drop(entries);
        // Dropping a foreign waker runs user code, so the list is not borrowed.
        drop(old);
    }
}

impl Drop for WaitListEntry<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else {
            return;
        };
        let mut entries = self.list.entries.borrow_mut();
        let Some(index) = entries.iter().position(|&(known, _)| known == id) else {
            return;
        };
        let left = entries.remove(index);
        drop(entries);
        drop(left);
        if index == 0 {
            self.list.wake_first();
        }
    }
}

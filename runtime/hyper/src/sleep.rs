//! A sleep that is `Send`, because it contains only the key of its timer.
//!
//! The timer itself stays in a table of its owner thread, as a `time::Sleep` is not `Send`. On the
//! owner thread a poll looks the timer up and polls it. On another thread a task on the owner
//! thread waits in its place. A sleep that is dropped on another thread puts its index into a
//! queue, which the table empties when it next adds a timer.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crossbeam_queue::SegQueue;
use slab::Slab;
use wakeful_core::{Handle, RemoteJoinHandle, time};

use crate::thread::ThreadNumber;

type Timer = Pin<Box<time::Sleep>>;

thread_local! {
    static TIMERS: Table = Table::new();
}

/// Table of the timers of this thread.
struct Table {
    /// A timer is taken out while it is polled, so nothing is borrowed during the poll.
    timers: RefCell<Slab<Option<Timer>>>,
    dropped: Dropped,
}

/// Queue of the indices of sleeps that were dropped on other threads.
type Dropped = Arc<SegQueue<usize>>;

impl Table {
    fn new() -> Table {
        Table {
            timers: RefCell::default(),
            dropped: Arc::new(SegQueue::new()),
        }
    }

    fn insert(&self, timer: Timer) -> usize {
        while let Some(index) = self.dropped.pop() {
            self.remove(index);
        }
        self.timers.borrow_mut().insert(Some(timer))
    }

    fn remove(&self, index: usize) {
        let timer = self.timers.borrow_mut().remove(index);
        // Dropped with nothing borrowed, because its waker may run user code.
        drop(timer);
    }

    /// Calls `f` with the timer at this index. The index belongs to one sleep, until that is
    /// dropped.
    fn with<R>(&self, index: usize, f: impl FnOnce(Pin<&mut time::Sleep>) -> R) -> Option<R> {
        let mut timer = self.timers.borrow_mut()[index].take()?;
        let result = f(timer.as_mut());
        self.timers.borrow_mut()[index] = Some(timer);
        Some(result)
    }
}

/// Sleep for hyper. The docs of the module explain how it can be `Send`.
pub(crate) struct Sleep {
    deadline: Instant,
    owner: Owner,
    remote: Remote,
    /// Whether the deadline was changed and the timer has the old one.
    is_changed: bool,
}

/// The owner thread, and the place of the timer there.
struct Owner {
    thread: ThreadNumber,
    index: usize,
    dropped: Dropped,
    runtime: Handle,
}

/// State of the wait of another thread.
enum Remote {
    /// No wait.
    Idle,
    /// Waits for a task on the owner thread.
    Waits(RemoteJoinHandle<()>),
    /// Stays pending, because the runtime and its clock have ended.
    Forever,
}

impl Sleep {
    #[track_caller]
    pub(crate) fn new(timer: time::Sleep) -> Sleep {
        let runtime = Handle::current();
        let deadline = timer.deadline().into_std();
        let enter = |timers: &Table| (timers.insert(Box::pin(timer)), timers.dropped.clone());
        let (index, dropped) = TIMERS.with(enter);
        Sleep {
            deadline,
            owner: Owner {
                thread: ThreadNumber::current(),
                index,
                dropped,
                runtime,
            },
            remote: Remote::Idle,
            is_changed: false,
        }
    }

    pub(crate) fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.stop_remote();
        self.is_changed = true;
        if self.owner.thread.is_current() {
            self.update_timer();
        }
    }

    /// Sets a changed deadline in the timer. On the owner thread.
    fn update_timer(&mut self) {
        if std::mem::take(&mut self.is_changed) {
            let deadline = self.deadline.into();
            self.owner.with(|timer| timer.reset(deadline));
        }
    }

    /// Polls on another thread.
    fn poll_remote(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Remote::Idle = self.remote {
            let deadline = self.deadline.into();
            let task = self
                .owner
                .runtime
                .spawn_with(move || time::sleep_until(deadline));
            self.remote = Remote::Waits(task);
        }
        let Remote::Waits(task) = &mut self.remote else {
            return Poll::Pending;
        };
        match Pin::new(task).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                self.remote = Remote::Idle;
                Poll::Ready(())
            }
            Poll::Ready(Err(_)) => {
                self.remote = Remote::Forever;
                Poll::Pending
            }
        }
    }

    /// Cancels the wait of another thread, if there is one.
    fn stop_remote(&mut self) {
        if let Remote::Waits(task) = std::mem::replace(&mut self.remote, Remote::Idle) {
            task.abort();
        }
    }
}

impl Owner {
    /// Calls `f` with the timer. On the owner thread only. `None` if the local values of that
    /// thread are destroyed.
    fn with<R>(&self, f: impl FnOnce(Pin<&mut time::Sleep>) -> R) -> Option<R> {
        let timer = TIMERS.try_with(|timers| timers.with(self.index, f));
        timer.ok().flatten()
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.owner.thread.is_current() {
            return self.poll_remote(cx);
        }
        self.stop_remote();
        self.update_timer();
        let timer = self.owner.with(|timer| timer.poll(cx));
        timer.unwrap_or(Poll::Pending)
    }
}

impl hyper::rt::Sleep for Sleep {}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.stop_remote();
        let Owner { index, dropped, .. } = &self.owner;
        if self.owner.thread.is_current() {
            // When a thread ends, the table may be destroyed before this sleep.
            let _ = TIMERS.try_with(|timers| timers.remove(*index));
        } else {
            dropped.push(*index);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

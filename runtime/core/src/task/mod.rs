//! Tasks: spawned futures, their handles, and functions for use inside of a task.
//!
//! # The life of a task
//!
//! ```text
//!                    (1) spawn
//!                        |
//!                        v
//!        (3) wake     QUEUED  ---------------------------.
//!      .------------>    |                               |
//!      |                 | (2) the loop takes it out     | (6) an abort was requested
//!      |                 v                               |
//!   WAITING <------- RUNNING                             |
//!      |   (4) Pending   |                               |
//!      |                 | (5) Ready, or a panic         |
//!      |                 v                               v
//!      `---------->    DONE   <------------------------ the future is dropped
//!   (6) abort: queued first
//! ```
//!
//! 1. The spawner allocates header and future in one piece. Two references: the scheduler's and the
//!    `JoinHandle`'s.
//! 2. `Executor::tick` pops a `Runnable` from the run queue and calls `lifecycle::run`. All arrows
//!    but (3) and the request in (6) are made by the loop, on the owner thread.
//! 3. A waker queues the task. On another thread it sets a bit in the task's remote requests and
//!    sends the task to its owner, which queues it. A wake during the poll queues the task at once,
//!    so the poll ends in `QUEUED`.
//! 4. The future waits. Only its wakers and handles lead to it.
//! 5. The future is dropped in place, and its output is stored there for the `JoinHandle`.
//! 6. `abort` marks the task and queues it; the loop drops the future instead of polling it.
//!
//! `DONE` is final. The memory stays until the last reference is dropped, see `refs.rs`.
//!
//! # Panics
//!
//! A panic of a future ends its task and no other; the `JoinHandle` receives the payload. The
//! future is dropped while the panic unwinds, so `thread::panicking()` is true in the drops, and
//! locks of std that it holds are poisoned, as by a panic in a function. If that drop panics as
//! well, the second panic is caught and dropped; it does not abort the process. A panic of the drop
//! after the future has returned becomes the panic of the task, and the output is dropped.
//!
//! # Owner and other threads
//!
//! A task is one allocation: a header of one cache line, then the future, and later its output in
//! the same memory. The state in the header belongs to the owner thread and is plain, see
//! `state.rs`. Other threads never access it: they set a bit in the task's remote requests, and
//! send the task to its owner. So no state machine is shared between threads, and the effect of a
//! wake at any moment is decided on the owner thread.
//!
//! A task points to its scheduler, and while the runtime is alive, it keeps the scheduler alive. At
//! shutdown each task that is still referenced takes a count of it, so a waker may outlive
//! everything else. A sending thread holds a count during the send, as the loop may receive the
//! message and end before the sender returns.

pub(crate) mod attribution;
pub mod coop;
mod error;
pub(crate) mod header;
mod join;
pub(crate) mod lifecycle;
mod local;
pub(crate) mod oneshot;
pub(crate) mod raw;
pub(crate) mod refs;
pub(crate) mod release;
pub(crate) mod remote_requests;
pub(crate) mod runnable;
pub(crate) mod schedule;
pub(crate) mod state;
pub(crate) mod waiters;
pub(crate) mod waker;
pub(crate) mod waker_set;
mod yield_now;

use std::fmt;
use std::num::NonZeroU64;

#[doc(inline)]
pub use crate::task_local;
pub use coop::time_slice::should_yield;
pub use coop::{consume_budget, unconstrained};
pub use error::JoinError;
pub use join::{AbortHandle, JoinHandle};
pub use local::{AccessError, LocalKey, Scope};
pub use yield_now::{YieldNow, yield_now};

/// Message of calls that need a runtime on this thread, where there is none.
pub(crate) const NO_RUNTIME: &str = "there is no Wakeful runtime on this thread: call this inside \
     `wakeful::block_on`, a function with `#[wakeful::main]`, or `Runtime::enter`. From \
     another thread, and from `spawn_blocking`, use a `wakeful::Handle`, taken before: \
     `handle.spawn(future)`";

/// Message of calls that need a runtime, where it has ended while the thread is still inside of it.
pub(crate) const RUNTIME_ENDED: &str = "the Wakeful runtime that this thread is inside of has \
     ended, so it runs no tasks any more: a guard of `Runtime::enter_guard` was forgotten, or a \
     coroutine was suspended inside of `Runtime::enter`. End the scope before the `Runtime` is \
     dropped";

/// Id of a task: unique in the process, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn new(number: NonZeroU64) -> Id {
        Id(number)
    }

    /// Returns the id as a number.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Content of a task's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The future.
    Future,
    /// The output, for the join handle.
    Output,
    /// The payload of a panic, for the join handle.
    Panicked,
    /// Nothing: the task was cancelled, which the join handle has yet to report.
    Cancelled,
    /// Nothing: the output or error was taken.
    Taken,
}

//! Tasks: futures that run by themselves, their handles, and what they can do while they run.
//!
//! # The life of a task
//!
//! ```text
//!                    (1) spawn
//!                        |
//!                        v
//!        (3) wake     QUEUED  ---------------------------.
//!      .------------>    |                               |
//!      |                 | (2) the loop takes it out     | (6) abort was asked for
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
//! 2. `Executor::tick` pops a `Runnable` from the run queue and calls `runnable::run`. All arrows
//!    but (3) and the asking in (6) are made by the loop, on the owner thread.
//! 3. A waker. On the owner thread it queues the task; elsewhere it leaves a bit in
//!    the remote_requests and sends the task to its owner, who queues it. A wake during the poll
//!    queues the task at once; the poll that goes on ends in `QUEUED` then.
//! 4. The future waits. Nothing but its wakers can reach it.
//! 5. The future is dropped where it lies, and its output takes its place for the `JoinHandle`.
//! 6. `abort` marks the task and queues it; the loop drops the future instead of polling it.
//!
//! # Panics
//!
//! A panic of a future ends its task and no other; the `JoinHandle` gets the payload. The future is
//! dropped while the panic unwinds, so what it holds sees `thread::panicking()`, and a lock of std that
//! it holds is poisoned, as by a panic in a function. If that drop panics as well, the second panic is
//! caught and dropped; it does not end the process. A panic of the drop after the future has returned
//! becomes the task's: the output is dropped, as no handle can take it.
//!
//! `DONE` is for ever. The memory stays until the last reference goes, see `refs.rs`.

pub(crate) mod acting;
pub(crate) mod allowance;
pub mod coop;
mod error;
pub(crate) mod header;
mod join;
mod local;
pub(crate) mod oneshot;
pub(crate) mod quota;
pub(crate) mod raw;
pub(crate) mod refs;
pub(crate) mod remote_requests;
pub(crate) mod runnable;
pub(crate) mod state;
pub(crate) mod waiters;
pub(crate) mod waker;
pub(crate) mod waker_set;
mod yield_now;

use std::fmt;
use std::num::NonZeroU64;

#[doc(inline)]
pub use crate::task_local;
pub use coop::{consume_budget, unconstrained};
pub use error::JoinError;
pub use join::{AbortHandle, JoinHandle};
pub use local::{AccessError, LocalKey, Scope};
pub use quota::should_yield;
pub use yield_now::{YieldNow, yield_now};

/// The sentence for those who need a runtime and have none.
pub(crate) const NO_RUNTIME: &str = "there is no Wakeful runtime on this thread: call this inside \
     `wakeful::block_on`, a function with `#[wakeful::main]`, or `Runtime::enter`. From another thread, and \
     from `spawn_blocking`, use a `wakeful::Handle`, taken before: `handle.spawn(future)`";

/// The sentence for those whose runtime has ended while the thread is still inside of it.
pub(crate) const RUNTIME_ENDED: &str = "the Wakeful runtime that this thread is inside of has ended, so it \
     runs no tasks any more: a guard of `Runtime::enter_guard` was forgotten, or a coroutine was suspended \
     inside of `Runtime::enter`. End the scope before the `Runtime` is dropped";

/// The number of a task: unique in the process, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn new(number: NonZeroU64) -> Id {
        Id(number)
    }

    /// The number itself.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the body of a task holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The future, not yet done.
    Future,
    /// Its output, for the join handle.
    Output,
    /// The payload of its panic.
    Panicked,
    /// Nothing: it was cancelled, which the join handle has yet to learn.
    Cancelled,
    /// Nothing.
    Taken,
}

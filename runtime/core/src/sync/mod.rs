//! Channels, locks and events for the tasks of one thread.
//!
//! The names and meanings are those of `tokio::sync`. As all tasks run on one thread, nothing here
//! uses an atomic operation or a lock. None of these types is `Send`: to reach another thread, use
//! a [`Mesh`](crate::shard::Mesh), a [`Handle`](crate::Handle), or a channel of `tokio` or
//! `async-channel`, which work with Wakeful unchanged.
//!
//! | to | use |
//! | --- | --- |
//! | send values to a task, from several others | [`mpsc`] |
//! | notify a task of an event without a value | [`Notify`] |
//! | limit how many tasks do something at a time | [`Semaphore`] |
//! | share a value that is changed across an `.await` | [`Mutex`] |
//!
//! - A wait allocates nothing: the waiter is a part of the future. A wake takes constant time.
//! - Waiting tasks are served first come, first served.
//! - Each operation consumes the cooperative budget of its task, as those of sockets do, so a loop
//!   over a channel that is never empty yields.
//! - A waiter that is dropped after it was served passes on what it got.
//!
//! # Layout
//!
//! `wait_list.rs` is the list of waiters, `waker_slot.rs` the place for one waker. `label.rs` and
//! `waits.rs` tell observers what a task waits for. Every primitive is in a file or folder of its
//! own and follows the same rules: it brings its data in order, and then wakes or drops what may
//! run user code.

#[allow(dead_code, reason = "used by the primitives that follow")]
mod label;
pub mod mpsc;
mod mutex;
mod notify;
mod semaphore;
mod wait_list;
#[allow(dead_code, reason = "read by the reports that follow")]
mod waits;
mod waker_slot;

pub use mutex::{MappedMutexGuard, Mutex, MutexGuard, OwnedMutexGuard, TryLockError};
pub use notify::{Notified, Notify, OwnedNotified};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

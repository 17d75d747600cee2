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
//! | send one value to a task | [`oneshot`] |
//! | show tasks the last value, such as a configuration | [`watch`] |
//! | send each value to all tasks | [`broadcast`] |
//! | tell tasks to end | [`CancellationToken`] |
//! | limit how many tasks do something at a time | [`Semaphore`] |
//! | share a value that is changed across an `.await` | [`Mutex`] |
//! | share a value that is read across an `.await` by many, and changed by one | [`RwLock`] |
//! | let tasks wait until all have arrived | [`Barrier`] |
//! | compute a value once, in the first task that needs it | [`OnceCell`] |
//! | wait for a value that is set once | [`SetOnce`] |
//!
//! - A wait allocates nothing: the waiter is a part of the future. A wake takes constant time.
//! - Waiting tasks are served first come, first served.
//! - Operations that may wait consume the cooperative budget of their task, as those of sockets do,
//!   so a loop over a channel that is never empty yields.
//! - A waiter that is dropped after it was served passes on what it got.
//!
//! # Layout
//!
//! `wait_list.rs` is the list of waiters, `waker_slot.rs` the place for one waker. `event.rs` is a
//! list of tasks that test a condition and are woken together. `held.rs` has what the guards of
//! locks share. `label.rs`, `waits.rs` and `locks.rs` record what a task waits for. Every primitive
//! has a file or folder of its own. Each first changes its own data, and calls wakers and drops
//! values afterwards, as these may run user code.

mod barrier;
pub mod broadcast;
mod cancellation;
mod event;
mod held;
mod label;
pub(crate) mod locks;
pub mod mpsc;
mod mutex;
mod notify;
mod once_cell;
pub mod oneshot;
mod rwlock;
mod semaphore;
mod set_once;
mod wait_list;
pub(crate) mod waits;
mod waker_slot;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult};
pub use cancellation::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::{Notified, Notify, OwnedNotified};
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};

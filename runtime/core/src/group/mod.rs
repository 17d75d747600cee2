//! Structured concurrency: tasks that end before the task that waits for them continues.
//!
//! A [`TaskGroup`] spawns tasks, its children, and [`join`](TaskGroup::join) waits for all of them:
//!
//! - What a child spawns by [`wakeful::spawn`](crate::spawn) belongs to the group as well. Tasks
//!   that only serve others, such as tickers, are [spawned in the background](spawn_background):
//!   they are aborted when the others have ended.
//! - The first error, or panic, aborts all tasks of the group, and is what `join` returns.
//! - [`stop`](TaskGroup::stop) asks the tasks to stop: the future of [`stopping`] is ready in each
//!   of them, and in the groups that they have made. Tasks that have not ended by the
//!   [deadline](TaskGroup::deadline) are aborted, and `join` names them.
//! - A group that is dropped, for example because its task is aborted, can't wait. It asks its
//!   tasks to stop. At the deadline, a task of the runtime aborts those that are left, and lists
//!   them on standard error.
//!
//! The services of [`Shards`](crate::Shards) are in such a group, one for each shard.
//!
//! Children of a [`borrowing_scope`] are no tasks: they may borrow from the function around it.
//!
//! Tasks outside of groups cost nothing more: members have a vtable of their own.

mod borrowing;
mod error;
mod stopping;
mod task_group;

pub use borrowing::{BorrowingScope, borrowing_scope};
pub(crate) use error::List;
pub use error::{GroupError, GroupTask};
pub use stopping::{Stopping, is_stopping, stopping};
pub use task_group::{GroupSpawner, TaskGroup, spawn_background};

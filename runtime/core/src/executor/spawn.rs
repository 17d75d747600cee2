//! Functions that use the executor of the calling thread: spawning, and the running task.

use std::future::Future;
use std::panic::Location;

use super::{Executor, current};
use crate::console::About;
use crate::context;
use crate::task::attribution;
use crate::task::{Id, JoinHandle};

/// Ends the running task as an abort does. Never returns.
pub(crate) async fn cancel_current<T>() -> T {
    current::with(|executor| executor.abort_running());
    std::future::pending().await
}

/// Spawns a task on this thread's runtime and returns its handle.
///
/// The future need not be `Send`: it is polled and dropped on this thread alone, so `Rc` and
/// `RefCell` suffice where a multi-threaded runtime requires `Arc` and `Mutex`. The task is queued
/// behind those that are ready already. Dropping the handle detaches the task. After `block_on` has
/// returned, tasks pause until the next `block_on`; dropping the runtime drops their futures.
///
/// # Panics
///
/// Outside a runtime, and inside one that has ended (see
/// [`Runtime::enter_guard`](crate::Runtime::enter_guard)). The message says what to do.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// wakeful::block_on(async {
///     let count = Rc::new(Cell::new(0));
///     let task = wakeful::spawn({
///         let count = count.clone();
///         async move { count.set(count.get() + 1) }
///     });
///     task.await.unwrap();
///     assert_eq!(count.get(), 1);
/// });
/// ```
// Inlined, so that the future is constructed in the task and not moved there. Most futures are
// spawned in one place anyway.
#[inline(always)]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_at(Location::caller(), future)
}

/// Spawns a task on this thread's runtime, as [`spawn`](crate::spawn) does. That takes futures that
/// are not `Send`, so this has tokio's name for the same; it needs no `LocalSet`.
///
/// # Panics
///
/// As [`spawn`](crate::spawn).
///
/// ```
/// wakeful::block_on(async {
///     let local = std::rc::Rc::new(7);
///     assert_eq!(wakeful::task::spawn_local(async move { *local }).await.unwrap(), 7);
/// });
/// ```
#[inline(always)]
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_at(Location::caller(), future)
}

/// Spawns a task with the location of another caller.
#[inline(always)]
#[track_caller]
pub(crate) fn spawn_at<F>(location: &'static Location<'static>, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    // SAFETY: a spawn runs no user code before it holds a count of its own, see
    // `Executor::spawn_as`. The spawn itself checks whether the executor has ended.
    let task = unsafe { context::peek(|executor: &Executor| executor.spawn(location, future)) };
    match task {
        Some(task) => task,
        None => current::none(),
    }
}

/// Returns a new id for a task that is spawned on this thread.
#[track_caller]
pub(crate) fn next_id() -> Id {
    current::with(Executor::next_id)
}

/// Spawns a task that only waits for something else, which is shown in its place.
#[track_caller]
pub(crate) fn spawn_hidden<F>(
    id: Id,
    location: &'static Location<'static>,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    current::with(|executor| executor.spawn_as(id, location, future, About::hidden()))
}

/// Returns the id of the running task.
///
/// Inside a closure of [`spawn_blocking`](crate::spawn_blocking) that is the id of the closure, and
/// inside the drop of a task's future or output the id of that task, whatever drops it.
///
/// # Panics
///
/// Outside a task. The future of `block_on` is not a task. See [`try_id`].
///
/// ```
/// wakeful::block_on(async {
///     let task = wakeful::spawn(async { wakeful::task::id() });
///     let expected = task.id();
///     assert_eq!(task.await.unwrap(), expected);
/// });
/// ```
#[track_caller]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!(
            "`task::id` was called outside a task; the future of `block_on` is none. \
             `task::try_id` gives `None` there"
        ),
    }
}

/// Returns the id of the running task, or `None` outside a task. See [`id`].
pub fn try_id() -> Option<Id> {
    attribution::attributed_task().or_else(|| current::try_with(Executor::running).flatten())
}

/// Returns the name of the running task, if it was set by
/// [`Builder::name`](crate::executor::TaskBuilder::name).
pub fn name() -> Option<String> {
    let id = try_id()?;
    current::try_with(|executor| executor.name_of(id))
        .flatten()
        .map(Into::into)
}

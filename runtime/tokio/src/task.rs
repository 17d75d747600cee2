//! Tasks, at tokio's paths.
//!
//! [`spawn`] takes futures that are not `Send`: a task never leaves its thread. [`spawn_local`] is
//! the same, and needs no `LocalSet`.

use crate::runtime::Handle;

mod join_set;
pub use join_set::JoinSet;

pub use crate::join::{AbortHandle, JoinHandle};
pub use wakeful::task::{
    Id, JoinError, LocalKey, consume_budget, coop, id, try_id, unconstrained, yield_now,
};

/// Spawns a task on this thread's loop. It need not be `Send`.
///
/// ```
/// # use wakeful_tokio as tokio;
/// use std::rc::Rc;
///
/// #[tokio::main]
/// async fn main() {
///     let number = Rc::new(6);
///     assert_eq!(tokio::spawn(async move { *number * 7 }).await.unwrap(), 42);
/// }
/// ```
///
/// # Panics
///
/// On a thread without a runtime, also inside a blocking closure: use [`Handle::spawn`] there.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    JoinHandle::local(wakeful::spawn(future))
}

/// Spawns a task on this thread's loop, as [`spawn`] does.
///
/// # Panics
///
/// As [`spawn`].
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn(future)
}

/// Runs a closure on a pool of threads, so that it may block. [`Handle::current`] works in it.
///
/// # Panics
///
/// On a thread without a runtime, unless it runs such a closure.
///
/// ```
/// # use wakeful_tokio as tokio;
/// use tokio::runtime::Handle;
///
/// #[tokio::main]
/// async fn main() {
///     let sum = tokio::task::spawn_blocking(|| {
///         let task = Handle::current().spawn(async { 1 + 2 });
///         Handle::current().block_on(task).unwrap()
///     });
///     assert_eq!(sum.await.unwrap(), 3);
/// }
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let handle = Handle::current();
    if wakeful::Handle::try_current().is_err() {
        return handle.spawn_blocking(f);
    }
    JoinHandle::local(wakeful::spawn_blocking(handle.blocking(f)))
}

//! Members of a `JoinSet` that run in the runtime of a handle.
//!
//! On the runtime's own thread they are tasks of that runtime. From another thread, the member is a
//! task of the current runtime that waits for a task of the other one.

use std::future::Future;
use std::panic::{Location, resume_unwind};

use super::{Handle, LocalSpawner, RemoteJoinHandle};
use crate::context;
use crate::executor::{JoinSet, SetBuilder, cancel_current};
use crate::task::{AbortHandle, RUNTIME_ENDED};

impl<T: 'static> JoinSet<T> {
    /// Spawns a task as a member in the runtime of `handle`.
    ///
    /// On that runtime's thread this works outside of the runtime as well. On another thread, the
    /// future is sent to the runtime's thread, as by [`Handle::spawn`], and a task of the current
    /// runtime waits for it; aborting the member aborts both.
    ///
    /// # Panics
    ///
    /// Outside a runtime, if `handle` belongs to a runtime of another thread or to one that has
    /// ended.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let mut set = wakeful::task::JoinSet::new();
    /// set.spawn_on(async { 7 }, &runtime.handle());
    /// assert_eq!(runtime.block_on(set.join_next()).unwrap().unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.build_task().spawn_on(future, handle)
    }

    /// Runs a blocking closure as a member, as [`spawn_blocking`](Self::spawn_blocking) does, on
    /// the pool of the runtime of `handle`.
    ///
    /// # Panics
    ///
    /// As [`spawn_on`](Self::spawn_on), and if the system starts no thread and none is running.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.build_task().spawn_blocking_on(f, handle)
    }

    /// Spawns a task as a member in the runtime of `spawner`, also outside of that runtime. The
    /// future need not be `Send`. This is tokio's method with the spawner in place of a `LocalSet`.
    ///
    /// # Panics
    ///
    /// If the runtime has ended.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let mut set = wakeful::task::JoinSet::new();
    /// let local = std::rc::Rc::new(7);
    /// set.spawn_local_on(async move { *local }, &runtime.local_spawner());
    /// assert_eq!(runtime.block_on(set.join_next()).unwrap().unwrap(), 7);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, future: F, spawner: &LocalSpawner) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.build_task().spawn_local_on(future, spawner)
    }
}

impl<T: 'static> SetBuilder<'_, T> {
    /// Spawns the task as a member, as [`JoinSet::spawn_on`] does.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn_on`], and if the class is gone or of another runtime.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        if let Some(context) = handle.own_context() {
            let _entered = context::enter(context);
            return self.spawn(future);
        }
        self.relay(handle.spawn(future), Location::caller())
    }

    /// Runs a blocking closure as a member, as [`JoinSet::spawn_blocking_on`] does.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn_blocking_on`], and if the class is gone or of another runtime.
    #[track_caller]
    pub fn spawn_blocking_on<F>(self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        if let Some(context) = handle.own_context() {
            let _entered = context::enter(context);
            return self.spawn_blocking(f);
        }
        self.relay(handle.spawn_blocking(f), Location::caller())
    }

    /// Spawns the task as a member, as [`JoinSet::spawn_local_on`] does.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn_local_on`], and if the class is gone or of another runtime.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, spawner: &LocalSpawner) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let Some(context) = spawner.context() else {
            panic!("{RUNTIME_ENDED}")
        };
        let _entered = context::enter(context);
        self.spawn(future)
    }

    /// Spawns a member that waits for something of another thread.
    #[track_caller]
    fn relay(self, task: RemoteJoinHandle<T>, location: &'static Location<'static>) -> AbortHandle {
        let id = task.id();
        self.insert_current(Some(id), location, deliver(AbortOnDrop(task)))
    }
}

/// Aborts the remote task when the member that waits for it is dropped.
struct AbortOnDrop<T>(RemoteJoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns, panics or is cancelled like the remote task.
async fn deliver<T>(mut task: AbortOnDrop<T>) -> T {
    match (&mut task.0).await {
        Ok(output) => output,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(_) => cancel_current().await,
        },
    }
}

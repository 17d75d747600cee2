//! A set of tasks.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::join::AbortHandle;
use crate::runtime::Handle;

/// A set of tasks that are joined as they end. Dropping it aborts them.
///
/// It has the other methods of Wakeful's [`JoinSet`](wakeful::task::JoinSet) through `Deref`.
pub struct JoinSet<T>(wakeful::task::JoinSet<T>);

impl<T> JoinSet<T> {
    /// Makes an empty set.
    pub fn new() -> JoinSet<T> {
        JoinSet(wakeful::task::JoinSet::new())
    }

    /// Waits until all tasks have ended, and returns their outputs in the order in which they
    /// ended.
    ///
    /// # Panics
    ///
    /// If a task has panicked or was cancelled.
    pub async fn join_all(self) -> Vec<T> {
        self.0.join_all().await
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task as a member. It need not be `Send`.
    ///
    /// # Panics
    ///
    /// On a thread without a runtime.
    #[track_caller]
    pub fn spawn<F: Future<Output = T> + 'static>(&mut self, future: F) -> AbortHandle {
        AbortHandle::local(self.0.spawn(future))
    }

    /// Spawns a task as a member, as [`spawn`](Self::spawn) does.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_local<F: Future<Output = T> + 'static>(&mut self, future: F) -> AbortHandle {
        self.spawn(future)
    }

    /// Spawns a task as a member on the runtime of `handle`, from any thread.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        AbortHandle::local(self.0.spawn_on(future, &handle.0))
    }

    /// Runs a blocking closure as a member, see [`spawn_blocking`](super::spawn_blocking).
    ///
    /// # Panics
    ///
    /// On a thread without a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let handle = Handle::current();
        self.spawn_blocking_on(f, &handle)
    }

    /// Runs a blocking closure as a member, on the pool of the runtime of `handle`.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        AbortHandle::local(self.0.spawn_blocking_on(handle.blocking(f), &handle.0))
    }
}

impl<T> Deref for JoinSet<T> {
    type Target = wakeful::task::JoinSet<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for JoinSet<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<F> FromIterator<F> for JoinSet<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        JoinSet(futures.into_iter().collect())
    }
}

impl<F> Extend<F> for JoinSet<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        self.0.extend(futures);
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

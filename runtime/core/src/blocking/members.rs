//! Closures on the pool as members of a `JoinSet`, and with a name or a class.

use std::panic::Location;

use super::{begin, deliver};
use crate::console::About;
use crate::executor::{JoinSet, SetBuilder, TaskBuilder};
use crate::task::{AbortHandle, JoinHandle};

impl<T: Send + 'static> JoinSet<T> {
    /// Runs a blocking closure on a thread of the pool, as
    /// [`spawn_blocking`](crate::spawn_blocking) does, as a member. An abort prevents a closure
    /// that has not begun from beginning; the result of a running one is dropped.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or if the system starts no thread and none is running.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let mut set = wakeful::task::JoinSet::new();
    ///     for n in 1..=3 {
    ///         set.spawn_blocking(move || n * n);
    ///     }
    ///     assert_eq!(set.join_all().await.into_iter().sum::<i32>(), 14);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let location = Location::caller();
        let (id, call) = begin(f, location);
        self.insert_current(Some(id), location, About::hidden(), deliver(call))
    }
}

impl<T: Send + 'static> SetBuilder<'_, T> {
    /// Runs a blocking closure as a member, as [`JoinSet::spawn_blocking`] does. The name and the
    /// class are those of the task that waits for the closure.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn_blocking`], and if the class is gone or of another runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let location = Location::caller();
        let (id, call) = begin(f, location);
        self.insert_current(Some(id), location, deliver(call))
    }
}

impl TaskBuilder {
    /// Runs a blocking closure on a thread of the pool, as
    /// [`spawn_blocking`](crate::spawn_blocking) does. The name and the class are those of the task
    /// that waits for the closure.
    ///
    /// # Panics
    ///
    /// As [`spawn_blocking`](crate::spawn_blocking). Also if the class is gone or of another
    /// runtime.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let task = wakeful::task::Builder::new().name("sum").spawn_blocking(|| 1 + 2);
    ///     assert_eq!(task.await.unwrap(), 3);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let location = Location::caller();
        let (id, call) = begin(f, location);
        self.spawn_current(Some(id), location, deliver(call))
    }
}

//! The traits of the `futures` crates by which a library spawns on an executor that it is given.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use super::Runtime;
use super::handle::Handle;
use crate::context::Context;
use crate::executor::{Executor, current};

/// Spawner for libraries that take a [`LocalSpawn`] or a [`Spawn`] of the `futures` crates. It
/// belongs to the runtime's thread; from other threads use [`Handle`], which implements [`Spawn`].
///
/// Spawned tasks are detached. After the runtime has ended, or after a call of
/// [`Handle::shutdown`], the methods for spawning and for the status return a [`SpawnError`].
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use futures_util::task::LocalSpawnExt;
/// use wakeful::LocalSpawner;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Runtime::new()?;
/// let spawner = runtime.local_spawner();
/// let count = Rc::new(Cell::new(0));
/// let task = count.clone();
/// spawner.spawn_local(async move { task.set(1) }).unwrap();
/// runtime.block_on(wakeful::task::yield_now());
/// assert_eq!(count.get(), 1);
///
/// drop(runtime);
/// assert!(spawner.spawn_local(async {}).unwrap_err().is_shutdown());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LocalSpawner {
    executor: Arc<Executor>,
    // Only the owner thread may spawn through this type.
    _not_send: PhantomData<Rc<()>>,
}

// For the same reason as `Handle`.
impl UnwindSafe for LocalSpawner {}
impl RefUnwindSafe for LocalSpawner {}

impl LocalSpawner {
    fn new(executor: Arc<Executor>) -> LocalSpawner {
        LocalSpawner {
            executor,
            _not_send: PhantomData,
        }
    }

    /// Returns the spawner of this thread's runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn current() -> LocalSpawner {
        current::with(|executor| LocalSpawner::new(executor.shared()))
    }

    /// Returns the context of the runtime, if it has not ended.
    pub(super) fn context(&self) -> Option<Rc<Context>> {
        self.executor.context()
    }

    fn check(&self) -> Result<(), SpawnError> {
        if self.executor.is_closing() {
            return Err(SpawnError::shutdown());
        }
        Ok(())
    }
}

impl Runtime {
    /// Returns a spawner for libraries that take a `LocalSpawn` of the `futures` crates.
    pub fn local_spawner(&self) -> LocalSpawner {
        LocalSpawner::new(self.parts.executor.clone())
    }
}

impl LocalSpawn for LocalSpawner {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.check()?;
        drop(self.executor.try_spawn(Location::caller(), future));
        // With the feature `console`, a spawn calls a subscriber. It may shut the runtime down.
        self.check()
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        self.check()
    }
}

impl Spawn for LocalSpawner {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.spawn_local_obj(future.into())
    }

    fn status(&self) -> Result<(), SpawnError> {
        self.check()
    }
}

/// Spawning sends the future to the runtime's thread, as a detached task. If the runtime ends
/// before the future arrives, the future is dropped.
///
/// # Errors
///
/// If the runtime has ended.
impl Spawn for Handle {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status()?;
        drop(self.spawn_with(move || future));
        Ok(())
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.executor.has_ended() {
            return Err(SpawnError::shutdown());
        }
        Ok(())
    }
}

impl fmt::Debug for LocalSpawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSpawner").finish_non_exhaustive()
    }
}

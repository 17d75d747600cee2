//! The shards as the thread that made them has them.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::runtime::{Handle, RemoteJoinHandle};
use crate::shard::builder::ShardsBuilder;
use crate::shard::context::Local;
use crate::shard::ended::Ended;
use crate::shard::error::{FailureReason, ShardFailure};
use crate::shard::shared::Core;
use crate::shard::{Shard, ShardId, ShardsError};

/// Threads that each run a loop of their own: one executor, one reactor and one clock a shard, and
/// nothing shared.
///
/// Services are started [on each](Self::on_each). What a service spawns stays on its shard; shards
/// [send each other](super::Mesh) messages, [call](Shard::call) each other, or
/// [spawn](Shard::spawn_on) on each other.
///
/// # Drop
///
/// Dropping it is a [`shutdown`](Self::shutdown) with the time of
/// [`shutdown_timeout`](ShardsBuilder::shutdown_timeout) that says on standard error what went wrong. On the
/// thread of one of its shards it does not wait.
///
/// ```
/// use wakeful::Shards;
///
/// # fn main() -> Result<(), wakeful::shard::ShardsError> {
/// let shards = Shards::builder().shards(2).on_each(|shard| async move {
///     println!("shard {} of {}", shard.id(), shard.count());
/// })?;
/// shards.join()
/// # }
/// ```
pub struct Shards {
    core: Arc<Core>,
    /// Gone when they have been waited for.
    threads: Vec<JoinHandle<()>>,
}

impl Shards {
    /// The same as [`ShardsBuilder::new`].
    pub fn builder() -> ShardsBuilder {
        ShardsBuilder::new()
    }

    pub(super) fn new(core: Arc<Core>, threads: Vec<JoinHandle<()>>) -> Shards {
        Shards { core, threads }
    }

    /// Starts a service on each shard: the function is called there with its shard, and the future that
    /// it makes runs as a task. It need not be `Send`.
    ///
    /// A shard lives until its services have ended, on all shards; its other tasks are cancelled then.
    /// So a service waits for those that matter, with a [`JoinSet`](crate::executor::JoinSet) for example.
    /// When a service panics, [`OnFailure`](super::OnFailure) says what becomes of the others, and
    /// [`ended`](Self::ended) and [`join`](Self::join) report it.
    ///
    /// ```
    /// use wakeful::Shards;
    /// use wakeful::task::JoinSet;
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).build()?;
    /// shards.on_each(|shard| async move {
    ///     let mut tasks = JoinSet::new();
    ///     for n in 0..10 {
    ///         tasks.spawn(async move { n });
    ///     }
    ///     while let Some(result) = tasks.join_next().await {
    ///         assert!(result.unwrap() < 10, "on shard {}", shard.id());
    ///     }
    /// });
    /// shards.join()
    /// # }
    /// ```
    #[track_caller]
    pub fn on_each<S, F>(&self, service: S)
    where
        S: Fn(Shard) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + 'static,
    {
        self.start(service, Location::caller());
    }

    pub(super) fn start<S, F>(&self, service: S, location: &'static Location<'static>)
    where
        S: Fn(Shard) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + 'static,
    {
        let service = move |shard| {
            let run = service(shard);
            async move {
                run.await;
                Ok(())
            }
        };
        self.core.start(service, location);
    }

    /// The same for a service that may fail. An error counts as a panic does: it is reported by
    /// [`join`](Self::join), and [`OnFailure`](super::OnFailure) applies.
    ///
    /// ```
    /// use wakeful::Shards;
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).build()?;
    /// shards.try_on_each(|_shard| async { Err(std::io::Error::other("no disk")) });
    /// let error = shards.join().unwrap_err();
    /// assert_eq!(error.failures().len(), 2);
    /// assert!(error.to_string().contains("no disk"));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn try_on_each<S, F, E>(&self, service: S)
    where
        S: Fn(Shard) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let service = move |shard| {
            let run = service(shard);
            async move {
                let ended = run.await;
                ended.map_err(|error| FailureReason::Failed(error.into()))
            }
        };
        self.core.start(service, Location::caller());
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// The handle of a shard's runtime.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    #[track_caller]
    pub fn handle(&self, id: impl Into<ShardId>) -> &Handle {
        self.core.handle(id.into())
    }

    /// Starts a task on a shard: the closure travels, the future that it makes there need not be
    /// `Send`. See [`Handle::spawn_with`].
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    ///
    /// ```
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = wakeful::Shards::builder().shards(2).build()?;
    /// let task = shards.spawn_on(1, || async { wakeful::shard::Shard::current().id() });
    /// assert_eq!(wakeful::block_on(task).unwrap().index(), 1);
    /// shards.join()
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_on<M, F>(&self, id: impl Into<ShardId>, make: M) -> RemoteJoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.handle(id).spawn_with(make)
    }

    /// Waits until all services have ended, on all shards, and ends the threads. If the shards are
    /// [asked to stop](Shard::stop_all) meanwhile, it waits for that.
    ///
    /// It blocks the thread; in a task, put it into [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Errors
    ///
    /// [`ShardsError::Failed`], with each service that panicked, failed, or was late.
    ///
    /// # Panics
    ///
    /// On the thread of one of the shards, which would wait for itself.
    #[track_caller]
    pub fn join(mut self) -> Result<(), ShardsError> {
        self.not_here();
        self.core.wait_for_services();
        // Those that ended by themselves leave nobody to wait for; a stop has its own time.
        self.core.stop_if_running();
        self.end()
    }

    /// Asks all shards to stop, which their services hear by [`Shard::stopping`], and gives them so
    /// long. Services that have not ended then are cancelled with all tasks, and the threads are ended.
    ///
    /// It blocks the thread, for the deadline and
    /// [`shutdown_timeout`](ShardsBuilder::shutdown_timeout) at most.
    ///
    /// # Errors
    ///
    /// [`ShardsError::Failed`], with each shard that did not make it, and why; also with services that
    /// panicked or failed before.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
    #[track_caller]
    pub fn shutdown(mut self, deadline: Duration) -> Result<(), ShardsError> {
        self.not_here();
        self.core.stop(deadline);
        self.end()
    }

    /// Asks all shards to stop, as [`shutdown`](Self::shutdown) does, and does not wait.
    pub fn stop(&self, deadline: Duration) {
        self.core.stop(deadline);
    }

    /// Waits until all services have ended, on all shards, or one has failed that [stops the
    /// others](super::OnFailure::StopAll). `Ok` if none has failed; else the first failure.
    ///
    /// It ends nothing and takes no failure away: call [`shutdown`](Self::shutdown) or
    /// [`join`](Self::join) after it. With [`OnFailure::Continue`](super::OnFailure::Continue) a
    /// failure is reported when the other services have ended, too. If no service was started, it
    /// is ready at once.
    ///
    /// Any number of tasks may wait, on any thread and under any executor, also after the `Shards`
    /// are gone. A service whose thread is blocked for ever never ends, so if you
    /// [stop](Self::stop) the shards and wait for this, use a timeout.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wakeful::Shards;
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).build()?;
    /// shards.try_on_each(|shard| async move {
    ///     if shard.id().index() == 1 {
    ///         return Err(std::io::Error::other("no disk"));
    ///     }
    ///     shard.stopping().await;
    ///     Ok(())
    /// });
    /// // A program that runs for long selects between this and `wakeful::signal::ctrl_c()`.
    /// let failure = wakeful::block_on(shards.ended()).unwrap_err();
    /// assert_eq!(failure.shard.index(), 1);
    /// assert_eq!(failure.to_string(), "shard 1: its service failed: no disk");
    /// let error = shards.shutdown(Duration::from_secs(5)).unwrap_err();
    /// assert_eq!(error.failures().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ended(&self) -> Ended {
        Ended::new(self.core.clone())
    }

    fn is_here(&self) -> bool {
        Local::current().is_some_and(|local| Arc::ptr_eq(&local.core, &self.core))
    }

    #[track_caller]
    fn not_here(&self) {
        assert!(
            !self.is_here(),
            "a shard can't wait for itself: call it on the thread that made the shards, or \
             `Shard::stop_all` here"
        );
    }

    /// Waits for the threads, which have been asked to stop.
    fn end(&mut self) -> Result<(), ShardsError> {
        let ended = self.core.wait_for_threads();
        for (index, thread) in std::mem::take(&mut self.threads).into_iter().enumerate() {
            if ended[index] {
                // Its panics were caught and told of.
                let _ = thread.join();
            } else {
                self.core
                    .fail(ShardId::from(index), FailureReason::Unresponsive);
            }
        }
        let failures: Vec<ShardFailure> = self.core.take_failures();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(ShardsError::Failed(failures))
        }
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.core.stop(self.core.patience);
        if self.is_here() {
            return;
        }
        if let Err(error) = self.end() {
            eprintln!("wakeful: shards were dropped, and did not end well: {error}");
        }
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards")
            .field("count", &self.core.handles.len())
            .finish_non_exhaustive()
    }
}

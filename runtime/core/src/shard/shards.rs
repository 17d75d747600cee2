//! Handle of all shards, for the thread that has made them.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::runtime::{Handle, RemoteJoinHandle};
use crate::shard::context::ShardContext;
use crate::shard::ended::Ended;
use crate::shard::error::{FailureReason, ShardFailure, ShardsError};
use crate::shard::id::ShardId;
use crate::shard::shard::Shard;
use crate::shard::shared::{Ending, ServiceGuard, Shared};

/// Threads that each run a loop of their own. Each shard has its own executor, reactor and clock;
/// nothing of them is shared.
///
/// Services are started [on each](Self::on_each). What a service spawns stays on its shard. Shards
/// [send messages](super::Mesh) to each other, [call](Shard::call) each other, or
/// [spawn](Shard::spawn_on) on each other.
///
/// # Drop
///
/// The drop is a [`shutdown`](Self::shutdown) with the time of
/// [`shutdown_timeout`](super::ShardsBuilder::shutdown_timeout). It prints failures to standard
/// error. On the thread of one of the shards it does not wait.
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
    shared: Arc<Shared>,
    /// Empty when the threads have been waited for.
    threads: Vec<JoinHandle<()>>,
}

impl Shards {
    pub(super) fn new(shared: Arc<Shared>, threads: Vec<JoinHandle<()>>) -> Shards {
        Shards { shared, threads }
    }

    /// Starts a service on each shard: calls the function there with the shard, and runs the future
    /// that it returns as a task. The future need not be `Send`.
    ///
    /// The services of a shard are in one [group](crate::group): the shards run until all services
    /// on all shards have ended, and then until what they have spawned has ended, too. These tasks
    /// are [asked to stop](crate::group::stopping) when the last service has ended, or when the
    /// shards are. Tasks that nothing has to wait for are
    /// [spawned in the background](crate::group::spawn_background). When a service panics,
    /// [`OnFailure`](super::OnFailure) determines what happens to the others, and
    /// [`ended`](Self::ended) and [`join`](Self::join) report the panic.
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
        self.start_service(service, location);
    }

    fn start_service<S, F>(&self, service: S, location: &'static Location<'static>)
    where
        S: Fn(Shard) -> F + Send + Sync + 'static,
        F: Future<Output = Ending> + 'static,
    {
        let service = Arc::new(service);
        self.shared.add_services();
        for (index, handle) in self.shared.handles.iter().enumerate() {
            let service = service.clone();
            // Its drop counts the service as ended, also if the shard has ended and drops the
            // closure.
            let guard = ServiceGuard::new(&self.shared, ShardId::from(index));
            handle.call(move || {
                if let Some(context) = ShardContext::current() {
                    context.start(guard, location, move |context| service(Shard(context)));
                }
            });
        }
    }

    /// Starts a service that may fail on each shard, as [`on_each`](Self::on_each) does. An error
    /// is treated as a panic is: [`OnFailure`](super::OnFailure) applies, and [`join`](Self::join)
    /// reports the error.
    ///
    /// ```
    /// use wakeful::Shards;
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).build()?;
    /// shards.try_on_each(|_shard| async { Err(std::io::Error::other("no disk")) });
    /// let error = shards.join().unwrap_err();
    /// // The first failure asks the other shard to stop, perhaps before its service has begun.
    /// assert!(!error.failures().is_empty());
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
        self.start_service(service, Location::caller());
    }

    /// Returns the number of shards.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// Returns the handle of a shard's runtime.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    #[track_caller]
    pub fn handle(&self, id: impl Into<ShardId>) -> &Handle {
        self.shared.handle(id.into())
    }

    /// Starts a task on a shard. The closure is sent to the shard; the future that it makes there
    /// need not be `Send`. See [`Handle::spawn_with`].
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

    /// Waits until all services on all shards have ended. Then stops what they have spawned, within
    /// [`shutdown_timeout`](super::ShardsBuilder::shutdown_timeout), and ends the threads. If the
    /// shards are [asked to stop](Shard::stop_all) meanwhile, waits until they have stopped.
    ///
    /// Blocks the thread; in a task, call it in [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Errors
    ///
    /// [`ShardsError::Failed`], with each service that panicked, failed, or missed the deadline.
    ///
    /// # Panics
    ///
    /// On the thread of one of the shards, which would wait for itself.
    #[track_caller]
    pub fn join(mut self) -> Result<(), ShardsError> {
        self.assert_not_on_shard();
        self.shared.wait_for_services();
        // If all services have ended, there is nothing to wait for. A stop in progress has its own
        // deadline.
        self.shared.stop_if_running();
        self.end()
    }

    /// Asks all shards to stop, which notifies their services by [`Shard::stopping`], and what
    /// these have spawned by [`stopping`](crate::group::stopping). Cancels what has not ended after
    /// `deadline`, with the background tasks, and ends the threads.
    ///
    /// Blocks the thread, at most for the deadline and
    /// [`shutdown_timeout`](super::ShardsBuilder::shutdown_timeout) after it.
    ///
    /// # Errors
    ///
    /// [`ShardsError::Failed`], with each shard that missed the deadline and the tasks that did,
    /// and each service that panicked or failed, also before this call.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join) does.
    #[track_caller]
    pub fn shutdown(mut self, deadline: Duration) -> Result<(), ShardsError> {
        self.assert_not_on_shard();
        self.shared.stop(deadline);
        self.end()
    }

    /// Asks all shards to stop, as [`shutdown`](Self::shutdown) does, without waiting.
    pub fn stop(&self, deadline: Duration) {
        self.shared.stop(deadline);
    }

    /// Waits until all services on all shards have ended, or until one has failed and thereby
    /// [stops the others](super::OnFailure::StopAll). Returns `Ok` if none has failed, otherwise
    /// the first failure.
    ///
    /// This stops nothing and removes no failure: call [`shutdown`](Self::shutdown) or
    /// [`join`](Self::join) after it. With [`OnFailure::Continue`](super::OnFailure::Continue) a
    /// failure is reported after the other services have ended. If no service was started, the
    /// future is ready at once.
    ///
    /// Any number of tasks may wait, on any thread and under any executor, also after the `Shards`
    /// are gone. A service whose thread is blocked for good never ends, so use a timeout if you
    /// [stop](Self::stop) the shards and wait for this future.
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
        Ended::new(self.shared.clone())
    }

    /// Whether this is the thread of one of the shards.
    fn is_on_shard(&self) -> bool {
        let context = ShardContext::current();
        context.is_some_and(|context| Arc::ptr_eq(&context.shared, &self.shared))
    }

    #[track_caller]
    fn assert_not_on_shard(&self) {
        assert!(
            !self.is_on_shard(),
            "a shard can't wait for itself: call it on the thread that made the shards, or \
             `Shard::stop_all` here"
        );
    }

    /// Waits for the threads, which have been asked to stop.
    fn end(&mut self) -> Result<(), ShardsError> {
        let ended = self.shared.wait_for_threads();
        for (index, thread) in std::mem::take(&mut self.threads).into_iter().enumerate() {
            if ended[index] {
                // Panics of the shard were caught and recorded.
                let _ = thread.join();
            } else {
                let shard = ShardId::from(index);
                self.shared
                    .record_failure(shard, FailureReason::Unresponsive);
            }
        }
        let failures: Vec<ShardFailure> = self.shared.take_failures();
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
        self.shared.stop(self.shared.shutdown_timeout);
        if self.is_on_shard() {
            return;
        }
        if let Err(error) = self.end() {
            crate::report::report!("wakeful: shards were dropped, and did not end well: {error}");
        }
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards")
            .field("count", &self.shared.handles.len())
            .finish_non_exhaustive()
    }
}

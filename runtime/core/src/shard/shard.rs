//! A shard as its services and tasks have it.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use crate::runtime::{Handle, RemoteJoinHandle};
use crate::shard::call;
use crate::shard::context::{Local, Stopping};
use crate::shard::{Mesh, ShardId};
use crate::task::JoinError;

/// One of the [`Shards`](super::Shards), on its own thread: what a service is given.
///
/// It can be cloned for the tasks of the shard, and does not leave the thread. Any task of a shard finds
/// its own by [`Shard::current`].
#[derive(Clone)]
pub struct Shard(pub(super) Rc<Local>);

impl Shard {
    /// The shard that this thread is.
    ///
    /// # Panics
    ///
    /// On another thread; see [`try_current`](Self::try_current).
    #[track_caller]
    pub fn current() -> Shard {
        Shard::try_current().expect("this thread is no shard: call it in a task of a shard")
    }

    /// The shard that this thread is, if it is one.
    ///
    /// ```
    /// assert!(wakeful::shard::Shard::try_current().is_none());
    /// ```
    pub fn try_current() -> Option<Shard> {
        Local::current().map(Shard)
    }

    /// Which it is.
    pub fn id(&self) -> ShardId {
        self.0.id
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.core.handles.len()
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.count()).map(ShardId::from)
    }

    /// A mesh for these shards, see [`Mesh::new`]. The other shards have to be given it.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    #[track_caller]
    pub fn mesh<T>(&self, capacity: usize) -> Mesh<T> {
        Mesh::new(self.count(), capacity)
    }

    /// The handle of a shard's runtime.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    #[track_caller]
    pub fn handle(&self, id: impl Into<ShardId>) -> &Handle {
        self.0.core.handle(id.into())
    }

    /// Starts a task on a shard: the closure travels, the future that it makes there need not be
    /// `Send`. See [`Handle::spawn_with`].
    ///
    /// For a question and its answer, [`call`](Self::call) costs less.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use wakeful::Shards;
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).on_each(|shard| async move {
    ///     let task = shard.spawn_on(1, || async { *Rc::new(6) * 7 });
    ///     assert_eq!(task.await.unwrap(), 42);
    /// })?;
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

    /// Sends a closure to a shard, where it makes a future, and waits for the output of that.
    ///
    /// The future is polled for the first time by the task there that takes calls in, up to 64 of them in
    /// one turn. If it is not ready it becomes a task of its own, which polls it again at once. So until it
    /// has waited, [`task::id`](crate::executor::id) is that of the task that takes calls in, the
    /// [budget](crate::task::coop) of a poll is shared by those of one turn, and work that takes long
    /// should give way with [`yield_now`](crate::task::yield_now) first.
    ///
    /// Calls to a shard begin in the order in which they were made. A shard takes in 128 from each
    /// other at a time; more of them wait in line, where a future that is kept without being polled holds up
    /// those behind it.
    ///
    /// # Errors
    ///
    /// If it panicked there; or, as cancelled, if the shard ended before it did.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before it was taken in by the queue has no effect; later it is carried out,
    /// and its output is dropped when it has come home. If the shard that called has ended meanwhile, it is
    /// dropped on its way.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use wakeful::Shards;
    ///
    /// thread_local! {
    ///     static HITS: Cell<u32> = const { Cell::new(0) };
    /// }
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).on_each(|shard| async move {
    ///     // Each shard has its own; shard 0 counts for all.
    ///     let hits = shard.call(0, || async { HITS.replace(HITS.get() + 1) + 1 }).await;
    ///     assert!((1..=2).contains(&hits.unwrap()));
    /// })?;
    /// shards.join()
    /// # }
    /// ```
    #[track_caller]
    pub fn call<I, M, F>(
        &self,
        id: I,
        make: M,
    ) -> impl Future<Output = Result<F::Output, JoinError>> + use<I, M, F>
    where
        I: Into<ShardId>,
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output: Send + 'static> + 'static,
    {
        let to = id.into();
        to.among(self.count());
        let location = Location::caller();
        call::call(self.0.clone(), to, location, make)
    }

    /// Waits until the shards are asked to stop: by [`Shards::shutdown`](super::Shards::shutdown), by
    /// [`stop_all`](Self::stop_all), or as one of them [failed](super::OnFailure::StopAll). Then a service
    /// should take on nothing new, finish what it has begun, and return.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures_util::future::{Either, select};
    /// use wakeful::{Shards, time::sleep};
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).on_each(|shard| async move {
    ///     let mut stopping = shard.stopping();
    ///     loop {
    ///         let work = Box::pin(sleep(Duration::from_millis(1)));
    ///         match select(work, &mut stopping).await {
    ///             Either::Left(_) => {}
    ///             Either::Right(_) => break,
    ///         }
    ///     }
    /// })?;
    /// shards.shutdown(Duration::from_secs(5))
    /// # }
    /// ```
    pub fn stopping(&self) -> Stopping {
        Stopping::new(self.clone())
    }

    /// Have the shards been asked to stop?
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Asks all shards to stop, and gives their services so long before they are cancelled. Returns at
    /// once. Asked again, it can only become sooner.
    pub fn stop_all(&self, deadline: Duration) {
        self.0.core.stop(deadline);
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

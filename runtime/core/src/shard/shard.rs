//! Handle of one shard, for its services and tasks.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use crate::group::Stopping;
use crate::runtime::{Handle, RemoteJoinHandle};
use crate::shard::call;
use crate::shard::context::ShardContext;
use crate::shard::id::ShardId;
use crate::shard::mesh::Mesh;
use crate::shard::mesh::receiver::MeshReceiver;
use crate::shard::mesh::sender::MeshSender;
use crate::task::JoinError;

/// Handle of one of the [`Shards`](super::Shards), which its services receive.
///
/// It can be cloned for the tasks of the shard, and can't leave the shard's thread. A task of a
/// shard can get it by [`Shard::current`].
#[derive(Clone)]
pub struct Shard(pub(super) Rc<ShardContext>);

impl Shard {
    /// Returns the shard of this thread.
    ///
    /// # Panics
    ///
    /// If the thread is not that of a shard; see [`try_current`](Self::try_current).
    #[track_caller]
    pub fn current() -> Shard {
        Shard::try_current()
            .expect("this is not the thread of a shard: call it in a task of a shard")
    }

    /// Returns the shard of this thread, if the thread is that of a shard.
    ///
    /// ```
    /// assert!(wakeful::shard::Shard::try_current().is_none());
    /// ```
    pub fn try_current() -> Option<Shard> {
        ShardContext::current().map(Shard)
    }

    /// Returns this shard's id.
    pub fn id(&self) -> ShardId {
        self.0.id
    }

    /// Returns the number of shards.
    pub fn count(&self) -> usize {
        self.0.shared.handles.len()
    }

    /// Returns the ids of all shards.
    pub fn ids(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.count()).map(ShardId::from)
    }

    /// Makes a mesh for these shards, see [`Mesh::new`]. It has to be sent to the other shards.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    #[track_caller]
    pub fn mesh<T>(&self, capacity: usize) -> Mesh<T> {
        Mesh::new(self.count(), capacity)
    }

    /// Returns the handle of a shard's runtime.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    #[track_caller]
    pub fn handle(&self, id: impl Into<ShardId>) -> &Handle {
        self.0.shared.handle(id.into())
    }

    /// Starts a task on a shard. The closure is sent to the shard; the future that it makes there
    /// need not be `Send`. See [`Handle::spawn_with`].
    ///
    /// For a request and its reply, [`call`](Self::call) costs less.
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

    /// Sends a closure to a shard, where it makes a future, and waits for the future's output.
    ///
    /// The first poll of the future is made there by the task that receives calls, for up to 64
    /// calls in one turn. A future that is not ready becomes a task, which polls it again at once.
    /// So until the future has waited, [`task::id`](crate::executor::id) is that of the receiving
    /// task, and the calls of one turn share the [budget](crate::task::coop) of one poll. Work that
    /// takes long should call [`yield_now`](crate::task::yield_now) first.
    ///
    /// Calls to a shard begin in the order in which they were made. A batch takes 128 calls from
    /// one shard to another. Further calls wait in a list, where a future that is kept without
    /// being polled holds up the calls behind it.
    ///
    /// # Errors
    ///
    /// If the closure or its future panicked; or, as cancelled, if the shard ended first.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before it was added to a batch has no effect. After that it is
    /// carried out, and its output is dropped when it has returned, or on the way if the shard that
    /// called has ended.
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

    /// Waits until the shards are asked to stop: by [`Shards::shutdown`](super::Shards::shutdown),
    /// by [`stop_all`](Self::stop_all), or because a service [failed](super::OnFailure::StopAll). A
    /// service should then start nothing new, finish what it has begun, and return.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wakeful::{Shards, time::sleep};
    ///
    /// # fn main() -> Result<(), wakeful::shard::ShardsError> {
    /// let shards = Shards::builder().shards(2).on_each(|shard| async move {
    ///     let mut stopping = shard.stopping();
    ///     loop {
    ///         wakeful::select! {
    ///             () = sleep(Duration::from_millis(1)) => {}
    ///             _ = &mut stopping => break,
    ///         }
    ///     }
    /// })?;
    /// shards.shutdown(Duration::from_secs(5))
    /// # }
    /// ```
    pub fn stopping(&self) -> Stopping {
        Stopping::of(self.0.group.clone())
    }

    /// Whether the shards were asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Asks all shards to stop, and cancels services that have not ended after `deadline`. Returns
    /// at once. A later call can only make the deadline earlier.
    pub fn stop_all(&self, deadline: Duration) {
        self.0.shared.stop(deadline);
    }
}

impl<T> Mesh<T> {
    /// Takes the ends of a shard. They stay on this thread.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard, or if its ends were taken before.
    #[track_caller]
    pub fn join(&self, shard: &Shard) -> (MeshSender<T>, MeshReceiver<T>) {
        self.join_as(shard.id())
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

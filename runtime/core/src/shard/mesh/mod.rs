//! Typed messages between shards, in a bounded queue for each pair of them.
//!
//! - `queue.rs`: the queue from one shard to another, and how either side closes it.
//! - `notify.rs`: the wake of a waiting receiver or sender across threads.
//! - `shared.rs`: all queues of a mesh, with one notify for each receiver.
//! - `wait_list.rs`: the tasks of a sender that wait for space.
//! - `sender.rs`, `receiver.rs`: the two ends that a shard takes.

pub(crate) mod notify;
pub(crate) mod queue;

pub(super) mod receiver;
pub(super) mod sender;
pub(super) mod wait_list;

mod shared;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::shard::id::ShardId;
use crate::shard::mesh::receiver::MeshReceiver;
use crate::shard::mesh::sender::MeshSender;
use crate::shard::mesh::shared::MeshShared;

/// Typed message queues between shards, of which each shard takes its two ends.
///
/// Each ordered pair of shards has a bounded queue, also a shard with itself. So a slow receiver
/// and a fast sender hold up only each other. The messages of a pair arrive in the order in which
/// they were sent. When a queue is full, [`send`](MeshSender::send) waits.
///
/// A waiting receiver is woken once for a burst of messages, and not at all while it is running. To
/// receive a burst at once use [`recv_many`](MeshReceiver::recv_many).
///
/// The mesh can be cloned and sent to other threads; its ends belong to the threads that took them.
/// When the last clone is gone, an end that was never taken counts as dropped.
///
/// ```
/// use wakeful::Shards;
/// use wakeful::shard::Mesh;
///
/// # fn main() -> Result<(), wakeful::shard::ShardsError> {
/// let mesh = Mesh::new(2, 64);
/// let shards = Shards::builder().shards(2).on_each(move |shard| {
///     let mesh = mesh.clone();
///     async move {
///         let (sender, mut receiver) = mesh.join(&shard);
///         // Each shard sends to each.
///         for to in shard.ids() {
///             sender.send(to, format!("goodbye from {}", shard.id())).await.unwrap();
///         }
///         drop((mesh, sender));
///         let mut heard = 0;
///         while let Some((from, text)) = receiver.recv().await {
///             assert_eq!(text, format!("goodbye from {from}"));
///             heard += 1;
///         }
///         assert_eq!(heard, 2);
///     }
/// })?;
/// shards.join()
/// # }
/// ```
pub struct Mesh<T>(Arc<Ends<T>>);

/// Ends that have not been taken.
struct Ends<T> {
    shared: Arc<MeshShared<T>>,
    taken: Box<[AtomicBool]>,
}

impl<T> Mesh<T> {
    /// Makes a mesh of `shards` shards, whose queues hold `capacity` messages each. Their memory is
    /// allocated at once: `shards * shards * capacity` messages.
    ///
    /// # Panics
    ///
    /// If `shards` or `capacity` is 0.
    #[track_caller]
    pub fn new(shards: usize, capacity: usize) -> Mesh<T> {
        assert!(shards > 0, "a mesh of 0 shards: give at least 1");
        assert!(
            capacity > 0,
            "a mesh with queues for 0 messages: give at least 1"
        );
        Mesh(Arc::new(Ends {
            shared: Arc::new(MeshShared::new(shards, capacity)),
            taken: (0..shards).map(|_| AtomicBool::new(false)).collect(),
        }))
    }

    /// Takes the ends of shard `id` on a thread that is not a shard, for example in a test.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join) does.
    ///
    /// ```
    /// use wakeful::shard::Mesh;
    ///
    /// let mesh = Mesh::new(1, 8);
    /// let (sender, mut receiver) = mesh.join_as(0);
    /// sender.try_send(0, "hello").unwrap();
    /// assert_eq!(wakeful::block_on(receiver.recv()).unwrap().1, "hello");
    /// ```
    #[track_caller]
    pub fn join_as(&self, id: impl Into<ShardId>) -> (MeshSender<T>, MeshReceiver<T>) {
        let id = id.into();
        let Ends { shared, taken } = &*self.0;
        let (index, shards) = (id.index(), shared.shards);
        assert!(
            index < shards,
            "shard {id} can't join a mesh of {shards}: give `Mesh::new` the number of all shards"
        );
        let again = taken[index].swap(true, Ordering::Relaxed);
        assert!(!again, "shard {id} has joined this mesh before");
        (
            MeshSender::new(id, shared.clone()),
            MeshReceiver::new(index, shared.clone()),
        )
    }

    /// Returns the number of shards that the mesh was made for.
    pub fn shards(&self) -> usize {
        self.0.shared.shards
    }
}

impl<T> Drop for Ends<T> {
    fn drop(&mut self) {
        for (index, taken) in self.taken.iter_mut().enumerate() {
            if !*taken.get_mut() {
                self.shared.close_sender(index);
                self.shared.close_receiver(index);
            }
        }
    }
}

impl<T> Clone for Mesh<T> {
    fn clone(&self) -> Mesh<T> {
        Mesh(self.0.clone())
    }
}

impl<T> fmt::Debug for Mesh<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh")
            .field("shards", &self.shards())
            .finish_non_exhaustive()
    }
}

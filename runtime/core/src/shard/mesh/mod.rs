//! Typed messages between shards: a bounded queue for each pair of them.

pub(crate) mod notify;
pub(crate) mod queue;
pub(super) mod receiver;
pub(super) mod sender;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::shard::mesh::notify::Bell;
use crate::shard::mesh::queue::Link;
use crate::shard::mesh::receiver::MeshReceiver;
use crate::shard::mesh::sender::MeshSender;
use crate::shard::{Shard, ShardId};

/// The place where the shards of a mesh take their ends of it.
///
/// From each shard to each, itself included, there is a queue of its own, so a slow receiver and a loud
/// sender hold up only each other. The messages of a pair arrive in the order in which they were
/// sent. When a queue is full, [`send`](MeshSender::send) waits.
///
/// A receiver that waits is woken once for a burst of messages, and not at all while it is at work.
/// To take a burst in at once use [`recv_many`](MeshReceiver::recv_many).
///
/// The mesh itself can be cloned and sent; its ends belong to the threads that took them. When the last
/// clone is gone, an end that was never taken counts as dropped.
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
///         // Goodbye from each to each.
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

/// What is left to be taken.
struct Ends<T> {
    shared: Arc<Shared<T>>,
    taken: Box<[AtomicBool]>,
}

/// What the ends have in common.
pub(in crate::shard) struct Shared<T> {
    pub(in crate::shard) shards: usize,
    /// Sorted by the sender, then by the receiver.
    links: Box<[Link<T>]>,
    /// Of the receivers.
    arrived: Box<[Bell]>,
}

impl<T> Shared<T> {
    #[inline]
    pub(in crate::shard) fn link(&self, from: usize, to: usize) -> &Link<T> {
        &self.links[from * self.shards + to]
    }

    #[inline]
    pub(in crate::shard) fn arrived(&self, to: usize) -> &Bell {
        &self.arrived[to]
    }

    pub(in crate::shard) fn sender_goes(&self, from: usize) {
        for to in 0..self.shards {
            self.link(from, to).sender_goes(self.arrived(to));
        }
    }

    pub(in crate::shard) fn receiver_goes(&self, to: usize) {
        for from in 0..self.shards {
            self.link(from, to).receiver_goes();
        }
    }
}

impl<T> Mesh<T> {
    /// A mesh of so many shards, with room for `capacity` messages from each to each. The memory for
    /// that is taken at once: `shards * shards * capacity` messages.
    ///
    /// # Panics
    ///
    /// If one of them is 0.
    #[track_caller]
    pub fn new(shards: usize, capacity: usize) -> Mesh<T> {
        assert!(shards > 0, "a mesh of 0 shards: give at least 1");
        assert!(
            capacity > 0,
            "a mesh with room for 0 messages: give at least 1"
        );
        let links = (0..shards * shards).map(|_| Link::new(capacity)).collect();
        Mesh(Arc::new(Ends {
            shared: Arc::new(Shared {
                shards,
                links,
                arrived: (0..shards).map(|_| Bell::new()).collect(),
            }),
            taken: (0..shards).map(|_| AtomicBool::new(false)).collect(),
        }))
    }

    /// Takes the ends of a shard. They stay on this thread.
    ///
    /// # Panics
    ///
    /// If the mesh has no such shard, or its ends were taken before.
    #[track_caller]
    pub fn join(&self, shard: &Shard) -> (MeshSender<T>, MeshReceiver<T>) {
        self.join_as(shard.id())
    }

    /// Takes the ends of a shard for a thread that is none: for tests, and for what stands beside the
    /// shards.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
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

    /// How many shards it is for.
    pub fn shards(&self) -> usize {
        self.0.shared.shards
    }
}

impl<T> Drop for Ends<T> {
    fn drop(&mut self) {
        for (index, taken) in self.taken.iter_mut().enumerate() {
            if !*taken.get_mut() {
                self.shared.sender_goes(index);
                self.shared.receiver_goes(index);
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

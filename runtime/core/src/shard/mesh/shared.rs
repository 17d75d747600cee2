//! State that the senders and receivers of a mesh share.

use crate::shard::mesh::notify::Notify;
use crate::shard::mesh::queue::PairQueue;

/// Queues of a mesh, with a notify for each receiver.
pub(super) struct MeshShared<T> {
    pub(super) shards: usize,
    /// Sorted by the sender, then by the receiver.
    queues: Box<[PairQueue<T>]>,
    /// For each receiver, its wait for messages.
    arrived: Box<[Notify]>,
}

impl<T> MeshShared<T> {
    /// Makes the queues of `shards` shards, each for `capacity` messages.
    pub(super) fn new(shards: usize, capacity: usize) -> MeshShared<T> {
        let queues = (0..shards * shards).map(|_| PairQueue::new(capacity));
        MeshShared {
            shards,
            queues: queues.collect(),
            arrived: (0..shards).map(|_| Notify::new()).collect(),
        }
    }

    /// Returns the queue from one shard to another.
    #[inline]
    pub(super) fn queue(&self, from: usize, to: usize) -> &PairQueue<T> {
        &self.queues[from * self.shards + to]
    }

    /// Returns the notify of a receiver.
    #[inline]
    pub(super) fn arrived(&self, to: usize) -> &Notify {
        &self.arrived[to]
    }

    /// Closes the sending side of a shard.
    pub(super) fn close_sender(&self, from: usize) {
        for to in 0..self.shards {
            self.queue(from, to).close_sender(self.arrived(to));
        }
    }

    /// Closes the receiving side of a shard.
    pub(super) fn close_receiver(&self, to: usize) {
        for from in 0..self.shards {
            self.queue(from, to).close_receiver();
        }
    }
}

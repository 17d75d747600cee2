//! The number of open connections.

use std::cell::Cell;
use std::rc::Rc;

use wakeful_core::sync::Notify;

/// Counts connections, up to a limit.
pub(super) struct Open {
    count: Cell<usize>,
    limit: usize,
    /// Waited for by one task: the one that accepts, and later the one that shuts down.
    left: Notify,
}

/// A connection that is counted until this is dropped.
pub(super) struct Entry(Rc<Open>);

impl Open {
    pub(super) fn new(limit: usize) -> Rc<Open> {
        Rc::new(Open {
            count: Cell::new(0),
            limit,
            left: Notify::new(),
        })
    }

    /// Waits until there are fewer connections than the limit, and counts one more.
    pub(super) async fn enter(self: &Rc<Open>) -> Entry {
        self.fewer_than(self.limit).await;
        self.count.set(self.count.get() + 1);
        Entry(self.clone())
    }

    /// Waits until all connections are closed.
    pub(super) async fn all_closed(&self) {
        self.fewer_than(1).await;
    }

    async fn fewer_than(&self, limit: usize) {
        while self.count.get() >= limit {
            self.left.notified().await;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        self.0.left.notify_one();
    }
}

//! Future that waits until a shard is asked to stop.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::shard::context::ShardContext;

/// Future of [`Shard::stopping`](super::Shard::stopping).
#[must_use = "futures do nothing unless polled"]
pub struct Stopping {
    context: Rc<ShardContext>,
    /// Its place in the set of waiters, from the first poll on that has to wait.
    place: Option<usize>,
}

impl Stopping {
    pub(super) fn new(context: Rc<ShardContext>) -> Stopping {
        Stopping {
            context,
            place: None,
        }
    }
}

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Stopping { context, place } = &mut *self;
        context.poll_stopping(place, cx.waker())
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.context.remove_stop_waiter(place);
        }
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopping")
            .field("shard", &self.context.id)
            .finish_non_exhaustive()
    }
}

//! Future of the end of all services, for any thread and any executor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::shard::error::FirstFailure;
use crate::shard::shared::Shared;

/// Future of [`Shards::ended`](super::Shards::ended).
///
/// It may be sent to another thread, and any executor may poll it. Clones wait independently.
#[must_use = "futures do nothing unless polled"]
pub struct Ended {
    shared: Arc<Shared>,
    /// Its place in the set of waiters, from the first poll on that has to wait.
    place: Option<usize>,
}

impl Ended {
    pub(super) fn new(shared: Arc<Shared>) -> Ended {
        Ended {
            shared,
            place: None,
        }
    }
}

impl Future for Ended {
    type Output = Result<(), FirstFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.shared.poll_ended(&mut this.place, cx.waker())
    }
}

impl Clone for Ended {
    fn clone(&self) -> Ended {
        Ended::new(self.shared.clone())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.remove_waiter(place);
        }
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended").finish_non_exhaustive()
    }
}

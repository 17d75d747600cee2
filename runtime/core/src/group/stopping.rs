//! The request to stop, as a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::executor::group::{Group, current_scope};

/// Future of [`stopping`]. Each clone waits on its own.
#[must_use = "futures do nothing unless polled"]
pub struct Stopping {
    /// `None`: nothing can ask the task to stop.
    group: Option<Rc<Group>>,
    /// Its place in the set of waiters, from the first poll on that has to wait.
    place: Option<usize>,
}

/// Waits until the running task is asked to stop: by [`TaskGroup::stop`](super::TaskGroup::stop) of
/// its group, by the drop of that group, or by a stop of its [`Shards`](crate::Shards).
///
/// A task should then start nothing new, finish what it has begun, and return. The future is for
/// the task that calls this function; it may be kept and polled many times. In a task that belongs
/// to no group it is never ready.
///
/// # Cancel safety
///
/// Cancel-safe.
///
/// ```
/// use std::time::Duration;
/// use wakeful::task::{TaskGroup, stopping};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # wakeful::block_on(async {
/// let mut group = TaskGroup::new();
/// group.spawn(async {
///     let mut requests = 0;
///     let mut stop = stopping();
///     loop {
///         wakeful::select! {
///             _ = wakeful::time::sleep(Duration::from_millis(1)) => requests += 1,
///             _ = &mut stop => return Ok::<u32, std::io::Error>(requests),
///         }
///     }
/// });
/// wakeful::time::sleep(Duration::from_millis(5)).await;
/// group.stop();
/// let requests = group.join().await?;
/// assert_eq!(requests.len(), 1);
/// # Ok(())
/// # })
/// # }
/// ```
pub fn stopping() -> Stopping {
    Stopping {
        group: current_scope().map(|scope| scope.group),
        place: None,
    }
}

/// Whether the running task is asked to stop. See [`stopping`].
///
/// ```
/// wakeful::block_on(async { assert!(!wakeful::task::is_stopping()) });
/// ```
pub fn is_stopping() -> bool {
    current_scope().is_some_and(|scope| scope.group.is_stopping())
}

impl Stopping {
    pub(crate) fn of(group: Rc<Group>) -> Stopping {
        Stopping {
            group: Some(group),
            place: None,
        }
    }
}

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Stopping { group, place } = &mut *self;
        match group {
            Some(group) => group.poll_stopping(place, cx.waker()),
            None => Poll::Pending,
        }
    }
}

impl Clone for Stopping {
    fn clone(&self) -> Stopping {
        Stopping {
            group: self.group.clone(),
            place: None,
        }
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            group.remove_stop_waiter(self.place);
        }
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_ready = self.group.as_ref().is_some_and(|group| group.is_stopping());
        f.debug_struct("Stopping")
            .field("is_ready", &is_ready)
            .finish_non_exhaustive()
    }
}

//! Closures that a handle sends to the pool from any thread, without the loop.

use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use super::pool::{Duty, Job, Pool};
use crate::console::Closure;
use crate::task::Id;
use crate::task::attribution::attribute_to;
use crate::task::oneshot::{Missing, Receiver, oneshot};

/// A closure that is about to be sent.
pub(crate) struct RemoteCall<S, E> {
    /// The id that the closure sees as that of its task.
    pub(crate) id: Id,
    /// Whether the closure must not begin.
    pub(crate) is_stopped: S,
    /// Called when the closure has ended or was dropped. It runs no user code.
    pub(crate) ended: E,
}

/// Counts the closure until it has ended.
struct Counted<E: FnOnce()> {
    pool: Arc<Pool>,
    ended: Option<E>,
}

impl<E: FnOnce()> Drop for Counted<E> {
    fn drop(&mut self) {
        self.pool.remote_ends();
        if let Some(ended) = self.ended.take() {
            ended();
        }
    }
}

impl<S, E> RemoteCall<S, E>
where
    S: FnOnce() -> bool + Send + 'static,
    E: FnOnce() + Send + 'static,
{
    /// Sends the closure. If the runtime has ended, the closure is dropped.
    ///
    /// # Errors
    ///
    /// Returns an error if the system starts no thread and none is running.
    pub(crate) fn begin<F, T>(
        self,
        pool: &Arc<Pool>,
        location: &'static Location<'static>,
        f: F,
    ) -> io::Result<Receiver<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let RemoteCall {
            id,
            is_stopped,
            ended,
        } = self;
        let (sender, receiver) = oneshot();
        let shown = Closure::new(id.as_u64(), size_of::<F>(), location);
        pool.remote_begins();
        let counted = Counted {
            pool: pool.clone(),
            ended: Some(ended),
        };
        let run = Box::new(move || {
            // Declared first, so dropped last: the loop finds the result when it checks, also if
            // that is the drop of the sender.
            let _counted = counted;
            let (sender, shown, f) = (sender, shown, f);
            let _attribution = attribute_to(Some(id));
            // A closure whose result was given up before it began never begins.
            if !is_stopped() && !sender.is_abandoned() {
                let work = shown.enter();
                let result = catch_unwind(AssertUnwindSafe(f));
                drop(work);
                sender.fill(result.map_err(Missing::Panicked));
            }
        });
        let duty = Duty::Optional;
        pool.submit(Job { run, duty })?;
        Ok(receiver)
    }
}

//! Join handles that are `Send`.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use tokio::sync::oneshot::{self, Receiver};
use wakeful_core::task::{Id, coop};

use crate::error::{JoinError, Panic};

/// Handle that waits for the output of a task. Dropping it detaches the task. It is `Send` if the
/// output is.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel-safe.
///
/// # Panics
///
/// If polled again after it returned the output.
pub struct JoinHandle<T> {
    id: Id,
    output: Receiver<Result<T, Panic>>,
}

impl<T: 'static> JoinHandle<T> {
    #[track_caller]
    pub(crate) fn spawn<F>(future: F) -> JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
    {
        let (sender, output) = oneshot::channel();
        let task = wakeful_core::spawn(async move {
            // Caught here, because the executor keeps the payload on its thread. The block ensures
            // that a future that panics is dropped during the unwind.
            #[expect(clippy::redundant_async_block, reason = "it drops the future")]
            let future = async move { future.await };
            let result = AssertUnwindSafe(future).catch_unwind().await;
            // Dropping the handle detaches the task.
            let _ = sender.send(result);
        });
        let id = task.id();
        JoinHandle { id, output }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = ready!(coop::poll_proceed(cx));
        let output = ready!(Pin::new(&mut self.output).poll(cx));
        progress.made_progress();
        Poll::Ready(match output {
            Ok(result) => result.map_err(|payload| JoinError::panicked(self.id, payload)),
            Err(_) => Err(JoinError::cancelled(self.id)),
        })
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

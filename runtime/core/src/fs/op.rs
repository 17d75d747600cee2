//! Future of one file operation, through the ring or the pool.
//!
//! A disk has no readiness, so an operation is handed over as a `Request`, which owns its path or
//! buffer and is returned with the result. The backend is chosen once for each runtime
//! (`backend.rs`); above it `File` and the free functions are the same for both. The pool performs
//! the same requests with blocking calls. Operations on names and directories always go there: the
//! kernel would use a thread for them too.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::backend;
use super::error::lost;
use super::request::{Ended, Outcome, Reply, Request};
use super::ring::Ticket;
use crate::blocking::{self, Call, Duty};
use crate::task::coop;

/// Future of one file operation. Dropping it cancels an operation that has not begun; the buffers
/// live until the system is done with them in any case.
pub(super) struct Op(Way);

enum Way {
    Ring(Ticket),
    Pool(Call<Outcome>),
    /// The system refused to start a thread.
    Failed(Option<io::Error>),
}

impl Op {
    /// Starts an operation, which is cancelled if its future is dropped before it begins.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub(super) fn new(request: Request) -> Op {
        Op::start(request, false)
    }

    /// Starts an operation that is carried out even if its future is dropped.
    #[track_caller]
    pub(super) fn detached(request: Request) -> Op {
        Op::start(request, true)
    }

    #[track_caller]
    fn start(request: Request, detached: bool) -> Op {
        // Outside a runtime this call panics.
        let ring = backend::ring().filter(|_| !request.is_large());
        let duty = if detached {
            Duty::Mandatory
        } else {
            Duty::Optional
        };
        Op(match ring {
            Some(ring) => Way::Ring(ring.start(request, detached)),
            None => match blocking::call(duty, || request.perform()) {
                Ok(call) => Way::Pool(call),
                Err(error) => Way::Failed(Some(error)),
            },
        })
    }
}

impl Op {
    /// Polls without consuming the cooperative budget. With a waker of this crate no user code runs
    /// in here.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let ended = match &mut self.0 {
            Way::Ring(ticket) => ready!(ticket.poll(cx)),
            Way::Pool(call) => match ready!(Pin::new(call).poll(cx)) {
                Ok((result, request)) => (result, Some(request)),
                Err(missing) => (Err(lost(missing)), None),
            },
            Way::Failed(error) => {
                let error = error.take().expect("polled after it ended");
                (Err(error), None)
            }
        };
        Poll::Ready(ended)
    }
}

impl Future for Op {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let progress = ready!(coop::poll_proceed(cx));
        let ended = ready!(self.poll_ended(cx));
        progress.made_progress();
        Poll::Ready(ended)
    }
}

/// Runs `f`, an operation on names or directories, on the pool.
pub(super) async fn on_pool<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    blocking::call(Duty::Optional, f)?.await.map_err(lost)?
}

/// Runs an operation that transfers bytes, again if a signal interrupts it. Returns the count and
/// the request.
pub(super) async fn transfer(mut request: Request) -> (io::Result<usize>, Option<Request>) {
    loop {
        match Op::new(request).await {
            (Err(error), Some(again)) if error.kind() == io::ErrorKind::Interrupted => {
                request = again;
            }
            (Ok(Reply::Count(count)), request) => return (Ok(count), request),
            (Ok(_), request) => return (Ok(0), request),
            (Err(error), request) => return (Err(error), request),
        }
    }
}

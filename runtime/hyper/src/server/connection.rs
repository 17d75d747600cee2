//! One connection of a server.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use futures_util::io::{AsyncRead, AsyncWrite};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tower_service::Service;
use wakeful_core::ThreadBound;
use wakeful_core::sync::CancellationToken;
use wakeful_core::time::{Instant, sleep_until, timeout_at};

use super::open::{Counted, Entry};
use super::{ConnectInfo, Options, is_caused_by};
use crate::{BoxError, Io};

pub(super) struct Connection<A> {
    pub(super) peer: A,
    pub(super) options: Rc<Options<A>>,
    pub(super) closing: CancellationToken,
}

impl<A: Clone + Send + Sync + fmt::Debug + 'static> Connection<A> {
    /// Serves the connection until it ends, and reports its error.
    pub(super) async fn run<I, S, E, B>(
        self,
        handshake: impl Future<Output = io::Result<I>>,
        make: impl Future<Output = Result<S, E>>,
        entry: Entry,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + 'static,
        E: Into<BoxError>,
        S: Service<
                Request<Incoming>,
                Response = Response<B>,
                Error: Into<BoxError>,
                Future: 'static,
            > + Clone
            + 'static,
        B: Body<Data: 'static, Error: Into<BoxError>> + 'static,
    {
        let deadline = Instant::now() + self.options.header_timeout;
        let closing = self.closing.clone();
        let ready = async {
            let io = within(deadline, handshake).await??;
            let service = make.await.map_err(Into::into)?;
            Ok::<_, BoxError>((io, service))
        };
        // The connection is polled first, here and below, so that a request that has arrived with
        // it is answered.
        let result = match select(pin!(ready), pin!(closing.cancelled())).await {
            // The server shuts down, and there is no request yet.
            Either::Right(_) => Ok(()),
            Either::Left((Ok((io, service)), _)) => {
                let io = Counted {
                    stream: io,
                    _entry: entry,
                };
                self.serve(io, service, deadline).await
            }
            Either::Left((Err(error), _)) => Err(error),
        };
        if let (Err(error), Some(on_error)) = (result, &self.options.on_error) {
            on_error(&self.peer, error);
        }
    }

    async fn serve<I, S, B>(&self, io: I, service: S, deadline: Instant) -> Result<(), BoxError>
    where
        I: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<
                Request<Incoming>,
                Response = Response<B>,
                Error: Into<BoxError>,
                Future: 'static,
            > + Clone
            + 'static,
        B: Body<Data: 'static, Error: Into<BoxError>> + 'static,
    {
        let has_begun = Cell::new(false);
        let service = service_fn(|mut request: Request<Incoming>| {
            has_begun.set(true);
            let info = ConnectInfo(self.peer.clone());
            request.extensions_mut().insert(info);
            let mut service = service.clone();
            async move {
                poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            }
        });
        // An upgrade takes the stream out as one that is `Send`.
        let io = Io::new(ThreadBound::new(io));
        let builder = &self.options.builder;
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));

        // hyper reads the first bytes to tell HTTP/1 from HTTP/2, and has no timeout for them.
        let late = pin!(sleep_until(deadline));
        let mut closing = pin!(self.closing.cancelled());
        let events = select(late, closing.as_mut());
        match select(connection.as_mut(), events).await {
            Either::Left((result, _)) => return result,
            Either::Right((Either::Left(_), _)) if !has_begun.get() => {
                return Err(no_request(self.options.header_timeout).into());
            }
            Either::Right((Either::Left(_), _)) => {
                if let Either::Left((result, _)) = select(connection.as_mut(), closing).await {
                    return result;
                }
            }
            Either::Right((Either::Right(_), _)) => {}
        }
        connection.as_mut().graceful_shutdown();
        match connection.await {
            // This is how hyper ends a connection on which nothing has been read.
            Err(error) if !has_begun.get() && is_cancelled(&error) => Ok(()),
            result => result,
        }
    }
}

fn is_cancelled(error: &BoxError) -> bool {
    is_caused_by(error, |error: &io::Error| {
        error.kind() == io::ErrorKind::Interrupted
    })
}

fn no_request(limit: std::time::Duration) -> io::Error {
    let text = format!("no request within {limit:?}, the header timeout");
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Returns the output of a future, or an error if it takes longer.
async fn within<F: Future>(deadline: Instant, future: F) -> io::Result<F::Output> {
    timeout_at(deadline, future).await.map_err(|_| {
        let text = "the handshake took longer than the header timeout";
        io::Error::new(io::ErrorKind::TimedOut, text)
    })
}

//! One connection of an HTTP server, for the examples that use hyper.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::io::{AsyncRead, AsyncWrite};
use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::server::conn::auto;
use wakeful::time::sleep;
use wakeful_hyper::{Executor, Io, Timer};

use crate::BoxError;

/// How long a client may take for its first request, and for the head of each.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves one client over HTTP/1 or HTTP/2, depending on its first bytes, until it closes the
/// connection. An error ends this connection and is printed on standard error.
///
/// Nothing here needs `Send`: neither the stream, nor the service, nor the bodies.
pub async fn serve_connection<I, S, B>(stream: I, peer: impl Display, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: 'static>,
    B: Body<Data: 'static, Error: Into<BoxError>> + 'static,
{
    let begun = Cell::new(false);
    let service = service_fn(|request| {
        begun.set(true);
        service.call(request)
    });
    let mut builder = auto::Builder::new(Executor::new());
    // hyper needs a timer for its timeouts.
    builder
        .http1()
        .timer(Timer::new())
        .header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(Timer::new())
        .keep_alive_interval(PATIENCE)
        .max_concurrent_streams(1000);
    let connection = pin!(builder.serve_connection(Io::new(stream), service));
    // hyper reads the first bytes to tell HTTP/1 from HTTP/2, and has no timeout for them.
    let result = match select(connection, pin!(sleep(PATIENCE))).await {
        Either::Left((result, _)) => result,
        Either::Right(((), connection)) if begun.get() => connection.await,
        Either::Right(_) => Err(format!("no request within {PATIENCE:?}").into()),
    };
    if let Err(error) = result {
        eprintln!("{peer}: {}", with_causes(&*error));
    }
}

/// Returns the text of an error and of its causes, in one line.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // The texts of some errors contain those of their causes.
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

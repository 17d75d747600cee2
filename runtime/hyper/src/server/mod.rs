//! A server: accepts connections, and serves each in a task of its own.

#[cfg(feature = "axum")]
mod axum;
mod connect_info;
mod connection;
mod listener;
mod make;
mod open;
#[cfg(feature = "rustls")]
mod tls;

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::server::conn::auto;
use tower_service::Service;
use wakeful_core::sync::CancellationToken;
use wakeful_core::time::{sleep, timeout};

use self::connection::Connection;
use self::open::Open;
use crate::{BoxError, Executor, Timer};

pub use self::connect_info::ConnectInfo;
pub use self::listener::Listener;
pub use self::make::Cloned;
#[cfg(feature = "rustls")]
pub use self::tls::{TlsHandshake, TlsListener};

/// How long a client may take for the handshake and its first request, and for the head of each.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after a failure that passes, such as a lack of memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves a service on a listener, over HTTP/1 and HTTP/2 on one port. It is the counterpart of
/// `axum::serve`.
///
/// The service is one of [tower](https://docs.rs/tower): a `Router` of axum, `Routes` of tonic, or
/// a function in `tower::service_fn`. It is cloned for each request. Neither the service nor its
/// futures and bodies need `Send`; axum and tonic require it of theirs, see
/// [`ThreadBound`](wakeful_core::ThreadBound).
///
/// The peer's address is in the extensions of each request, as a [`ConnectInfo`]. A handler can
/// take over the connection of a request with [`upgrade::on`](crate::upgrade::on), for a WebSocket.
///
/// The returned value is awaited. It serves until the signal of
/// [`with_graceful_shutdown`](Serve::with_graceful_shutdown), or without end.
///
/// ```no_run
/// use std::convert::Infallible;
///
/// use hyper::{Request, Response, body::Incoming};
/// use tower::service_fn;
///
/// #[wakeful::main]
/// async fn main() -> std::io::Result<()> {
///     let listener = wakeful::net::TcpListener::bind("127.0.0.1:7000").await?;
///     let service = service_fn(async |_: Request<Incoming>| {
///         Ok::<_, Infallible>(Response::new("hello\n".to_string()))
///     });
///     wakeful_hyper::serve(listener, service).await
/// }
/// ```
///
/// # Handlers of axum
///
/// Depend on axum with `default-features = false`: its feature `tokio` is not needed.
///
/// axum requires that the future of a handler be `Send`. A sleep, a socket and a lock of Wakeful
/// are not, so the compiler rejects a handler that awaits one: "the trait `Handler<_, _>` is not
/// implemented" (E0277). Put its future into a [`ThreadBound`](wakeful_core::ThreadBound), and a
/// state that is not `Send` as well:
///
/// ```
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// use axum::{Router, extract::State, routing::get};
/// use wakeful::{ThreadBound, time::sleep};
///
/// type Count = ThreadBound<Rc<Cell<u64>>>;
///
/// async fn count(State(count): State<Count>) -> String {
///     sleep(Duration::from_millis(10)).await;
///     count.set(count.get() + 1);
///     format!("{}\n", count.get())
/// }
///
/// let router: Router = Router::new()
///     .route("/count", get(|state| ThreadBound::new(count(state))))
///     .with_state(Count::new(Rc::default()));
/// ```
///
/// # Errors
///
/// Awaiting it returns the error of the listener if accepting will fail again, for example after
/// the runtime has ended. A lack of descriptors or memory is no such error: the connections wait in
/// the queue of the listener, and accepting is tried again. Errors of a connection end that
/// connection alone, see [`on_error`](Serve::on_error).
///
/// # Panics
///
/// Polling it panics outside a runtime. A panic of the service ends the connection over HTTP/1, and
/// the stream over HTTP/2.
///
/// # Cancel safety
///
/// If the future is dropped, no more connections are accepted. Open connections are served further,
/// as they have tasks of their own.
pub fn serve<L: Listener, S: Clone>(listener: L, service: S) -> Serve<L, Cloned<S>> {
    serve_make_service(listener, Cloned(service))
}

/// Serves the services that `make` returns for each connection, on a listener.
///
/// `make` is called with the address of the peer. So it is the counterpart of `axum::serve` for
/// `Router::into_make_service_with_connect_info::<SocketAddr>()`, with which axum's own extractor
/// `ConnectInfo` works. That needs axum's feature `tokio`; axum then compiles tokio's sockets and
/// does not use them. [`ConnectInfo`] of this package needs neither.
///
/// The rest is as in [`serve`].
pub fn serve_make_service<L: Listener, M>(listener: L, make: M) -> Serve<L, M> {
    let mut builder = auto::Builder::new(Executor::new());
    builder.http1().timer(Timer::new());
    builder
        .http2()
        .timer(Timer::new())
        .keep_alive_interval(HEADER_TIMEOUT)
        .enable_connect_protocol();
    let serve = Serve {
        listener,
        make,
        signal: None,
        shutdown_timeout: None,
        max_connections: usize::MAX,
        options: Options {
            builder,
            header_timeout: HEADER_TIMEOUT,
            on_error: None,
        },
    };
    serve.header_timeout(HEADER_TIMEOUT)
}

/// A server that runs while it is awaited. The result of [`serve`].
#[must_use = "a server does nothing unless awaited"]
pub struct Serve<L: Listener, M> {
    listener: L,
    make: M,
    signal: Option<Pin<Box<dyn Future<Output = ()>>>>,
    shutdown_timeout: Option<Duration>,
    max_connections: usize,
    options: Options<L::Addr>,
}

/// What the connections share.
struct Options<A> {
    builder: auto::Builder<Executor>,
    header_timeout: Duration,
    on_error: Option<OnError<A>>,
}

type OnError<A> = Box<dyn Fn(&A, BoxError)>;

impl<L: Listener, M> Serve<L, M> {
    /// Shuts the server down when the future is ready. It need not be `Send`.
    ///
    /// Then the listener is closed, and with it the connections that it has not accepted. Idle
    /// connections are closed, and a request that has been received is answered first. Over HTTP/2
    /// the client gets a `GOAWAY`, so that it sends no further requests. Awaiting the server
    /// returns when all connections are closed. Upgraded connections are not waited for.
    pub fn with_graceful_shutdown(mut self, signal: impl Future<Output = ()> + 'static) -> Self {
        self.signal = Some(Box::pin(signal));
        self
    }

    /// Limits how long the shutdown waits for connections. Those that are still open are then
    /// closed, even within an answer. By default there is no limit.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.shutdown_timeout = Some(limit);
        self
    }

    /// Limits the number of open connections, also of those that were upgraded. At the limit,
    /// further clients wait in the queue of the listener. By default the limit of descriptors is
    /// the only one.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub fn max_connections(mut self, limit: usize) -> Self {
        assert!(
            limit > 0,
            "max_connections(0) serves no client: give at least 1"
        );
        self.max_connections = limit;
        self
    }

    /// Limits how long a client may take for the handshake of TLS and its first request together,
    /// and over HTTP/1 for the head of each request, from the answer before it. So it is also the
    /// time after which an idle connection of HTTP/1 is closed. The default is 30 seconds, the
    /// maximum a year.
    pub fn header_timeout(mut self, limit: Duration) -> Self {
        // hyper adds it to an instant, which must not overflow.
        let limit = limit.min(Duration::from_secs(365 * 24 * 60 * 60));
        self.options.header_timeout = limit;
        self.options.builder.http1().header_read_timeout(limit);
        self
    }

    /// Changes further options of the connections, such as the number of streams over HTTP/2.
    ///
    /// ```no_run
    /// # use std::{convert::Infallible, io};
    /// # use hyper::{Request, Response, body::Incoming};
    /// # async fn example(listener: wakeful::net::TcpListener) -> io::Result<()> {
    /// # let service = tower::service_fn(async |_: Request<Incoming>| {
    /// #     Ok::<_, Infallible>(Response::new("hello\n".to_string()))
    /// # });
    /// wakeful_hyper::serve(listener, service)
    ///     .configure(|builder| {
    ///         builder.http2().max_concurrent_streams(1000);
    ///     })
    ///     .await
    /// # }
    /// ```
    pub fn configure(mut self, f: impl FnOnce(&mut auto::Builder<Executor>)) -> Self {
        f(&mut self.options.builder);
        self
    }

    /// Calls `f` with the address of the peer for each connection that ends with an error: of its
    /// socket, its handshake, its protocol, the service or a body. By default they are ignored, as
    /// any client can cause them.
    pub fn on_error(mut self, f: impl Fn(&L::Addr, BoxError) + 'static) -> Self {
        self.options.on_error = Some(Box::new(f));
        self
    }

    /// Returns the address of the listener.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        self.listener.local_addr()
    }
}

impl<L, M, S, B> Serve<L, M>
where
    L: Listener,
    M: Service<L::Addr, Response = S, Error: Into<BoxError> + 'static, Future: 'static> + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: 'static>
        + Clone
        + 'static,
    B: Body<Data: 'static, Error: Into<BoxError>> + 'static,
{
    async fn run(self) -> io::Result<()> {
        let signal = self.signal.unwrap_or_else(|| Box::pin(pending()));
        let (closing, aborted) = (CancellationToken::new(), CancellationToken::new());
        let open = Open::new(self.max_connections);
        let connections = Connections {
            options: Rc::new(self.options),
            open: open.clone(),
            closing: closing.clone(),
            aborted: aborted.clone(),
        };
        let accepting = Box::pin(connections.accept(self.listener, self.make));
        match select(accepting, signal).await {
            Either::Left((error, _)) => return Err(error),
            // Closes the listener.
            Either::Right(((), accepting)) => drop(accepting),
        }
        closing.cancel();
        let limit = self.shutdown_timeout.unwrap_or(Duration::MAX);
        if timeout(limit, open.all_closed()).await.is_err() {
            aborted.cancel();
            open.all_closed().await;
        }
        Ok(())
    }
}

/// What the loop that accepts needs.
struct Connections<A> {
    options: Rc<Options<A>>,
    open: Rc<Open>,
    closing: CancellationToken,
    aborted: CancellationToken,
}

impl<A: Clone + Send + Sync + fmt::Debug + 'static> Connections<A> {
    /// Accepts connections until the listener fails, and returns its error.
    async fn accept<L, M, S, B>(self, mut listener: L, mut make: M) -> io::Error
    where
        L: Listener<Addr = A>,
        M: Service<A, Response = S, Error: Into<BoxError> + 'static, Future: 'static>,
        S: Service<
                Request<Incoming>,
                Response = Response<B>,
                Error: Into<BoxError>,
                Future: 'static,
            > + Clone
            + 'static,
        B: Body<Data: 'static, Error: Into<BoxError>> + 'static,
    {
        loop {
            let entry = self.open.enter().await;
            if let Err(error) = poll_fn(|cx| make.poll_ready(cx)).await {
                return io::Error::other(error);
            }
            let (handshake, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if passes(&error) => {
                    sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return error,
            };
            let connection = Connection {
                peer: peer.clone(),
                options: self.options.clone(),
                closing: self.closing.clone(),
            };
            let served = entry.serve();
            let serving = connection.run(handshake, make.call(peer), entry);
            let aborted = self.aborted.clone();
            wakeful_core::spawn(async move {
                let _served = served;
                aborted.run_until_cancelled(pin!(serving)).await;
            });
        }
    }
}

/// Whether an error of accepting has a cause that may pass. A [`Listener`] waits itself while there
/// are no descriptors; this is about the registration with the reactor.
fn passes(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::OutOfMemory | io::ErrorKind::StorageFull
    )
}

impl<L, M, S, B> IntoFuture for Serve<L, M>
where
    L: Listener,
    M: Service<L::Addr, Response = S, Error: Into<BoxError> + 'static, Future: 'static> + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: 'static>
        + Clone
        + 'static,
    B: Body<Data: 'static, Error: Into<BoxError>> + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<L: Listener, M> fmt::Debug for Serve<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("local_addr", &self.local_addr())
            .field("header_timeout", &self.options.header_timeout)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// Whether the error, or one of its causes, is of this type and fulfils the condition.
fn is_caused_by<E: Error + 'static>(error: &BoxError, holds: impl Fn(&E) -> bool) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(&**error);
    while let Some(error) = next {
        if error.downcast_ref::<E>().is_some_and(&holds) {
            return true;
        }
        next = error.source();
    }
    false
}

//! A client with a pool of connections.

mod body;
mod builder;
#[cfg(feature = "rustls")]
mod builder_tls;
mod connect;
mod early;
mod error;
mod exchange;
mod host;
mod options;
mod pool;
mod stream;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(not(feature = "rustls"))]
#[path = "no_tls.rs"]
mod tls;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes};
use hyper::{Method, Request, Response, Uri};
use tower_service::Service;

use self::body::empty;
use self::pool::Pool;
use crate::BoxError;

pub use self::body::ResponseBody;
pub use self::builder::ClientBuilder;
pub use self::error::{Error, ErrorKind};

/// Client for HTTP/1 and HTTP/2 with a pool of connections, for the tasks of one thread.
///
/// Clones share the pool. Each runtime of the thread in which the client is used has connections of
/// its own there, and the limits apply to each runtime. Nothing needs `Send`: a request's body may
/// hold an `Rc`. Responses and their bodies are `Send`.
///
/// - Over HTTP/1 a connection is used again as soon as the body of its last response has been read
///   to its end. A body that is dropped earlier usually closes its connection, as the rest of it
///   would be in the way.
/// - Over HTTP/2 all requests to a host share a connection. Over TLS, ALPN chooses the protocol.
///   For `http` URLs it is HTTP/1, unless [`http2_only`](ClientBuilder::http2_only) is set.
/// - A request that a pooled connection could not send, because the server had closed it meanwhile,
///   is sent on another one. The same goes for a request that may have reached the server, if it
///   has no body and its method is idempotent (`GET`, `HEAD`, `OPTIONS`, `PUT`, `DELETE`, `TRACE`).
///   A request that fails on a new connection is not repeated.
/// - Over HTTP/1, an answer that a server gives before it has read the whole request, for example
///   413, is a response, even if the server then closes the connection.
///
/// The client is also a [`tower::Service`](tower_service::Service), so that layers apply to it: for
/// redirects use `FollowRedirect` of `tower-http`. It is always ready. Send requests through layers
/// with `oneshot`, as `ready` alone does not tell the compiler the type of the request's body:
///
/// ```no_run
/// use http_body_util::Empty;
/// use hyper::{Request, body::Bytes};
/// use tower::ServiceExt;
/// use wakeful_hyper::Client;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(); // with `tower-http`: `FollowRedirect::new(Client::new())`
/// let request = Request::get("http://127.0.0.1:7000/").body(Empty::<Bytes>::new())?;
/// let response = client.clone().oneshot(request).await?;
/// # Ok(())
/// # }
/// ```
///
/// A page, and the error of a URL that is not for this client:
///
/// ```
/// use http_body_util::BodyExt;
/// use wakeful_hyper::Client;
///
/// async fn fetch(url: &str) -> Result<String, Box<dyn std::error::Error>> {
///     let response = Client::new().get(url).await?;
///     let body = response.into_body().collect().await?.to_bytes();
///     Ok(String::from_utf8_lossy(&body).into_owned())
/// }
///
/// wakeful::block_on(async {
///     let error = fetch("ftp://127.0.0.1/file").await.unwrap_err();
///     let text = "GET ftp://127.0.0.1/file: the URL must begin with http:// or https://";
///     assert!(error.to_string().starts_with(text));
/// });
/// ```
#[derive(Clone)]
pub struct Client {
    pool: Rc<Pool>,
}

/// Future of a response, of the [`Service`] that a [`Client`] is.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Error>>>>;

impl Client {
    /// Makes a client with the default options, for `http` URLs only.
    pub fn new() -> Client {
        Client::builder().build()
    }

    /// Returns a builder that sets options, such as TLS and timeouts.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    fn with_pool(pool: Pool) -> Client {
        Client {
            pool: Rc::new(pool),
        }
    }

    /// Sends a `GET` request and returns the response, whose body has still to be read. Any status
    /// is a response: 404 is not an error.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request). A text that is not a URL is an
    /// [`ErrorKind::Request`](ErrorKind).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// As [`request`](Self::request).
    pub async fn get(&self, url: impl AsRef<str>) -> Result<Response<ResponseBody>, Error> {
        let url = url.as_ref();
        match url.parse::<Uri>() {
            Ok(uri) => {
                let mut request = Request::new(empty());
                *request.uri_mut() = uri;
                exchange::exchange(&self.pool, request).await
            }
            Err(error) => Err(Error::invalid(&Method::GET, url, error.into())),
        }
    }

    /// Sends a request and returns the response, whose body has still to be read.
    ///
    /// The URL must be absolute. A missing `Host` is added. A user's name and password in the URL are
    /// not sent: set the header `Authorization` instead. If there are as many connections to the
    /// host as [`max_connections_per_host`](ClientBuilder::max_connections_per_host) allows, the
    /// request waits for one of them; waiting requests are served in their order.
    ///
    /// # Errors
    ///
    /// The error names the method and the URL, and says by its [`kind`](Error::kind) what failed.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the request is cancelled: over HTTP/1 its connection is closed,
    /// over HTTP/2 its stream is reset. The server may have received it already.
    pub async fn request<B>(&self, request: Request<B>) -> Result<Response<ResponseBody>, Error>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
    {
        exchange::exchange(&self.pool, request.map(body::local)).await
    }

    /// Closes the connections that are idle now. Requests that are under way go on.
    pub fn close_idle(&self) {
        self.pool.close_idle();
    }
}

impl<B> Service<Request<B>> for Client
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let client = self.clone();
        Box::pin(async move { client.request(request).await })
    }
}

impl Default for Client {
    fn default() -> Client {
        Client::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.pool.options)
            .field("hosts", &self.pool.number_of_hosts())
            .field("idle_connections", &self.pool.idle_connections())
            .finish_non_exhaustive()
    }
}

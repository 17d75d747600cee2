//! Sets the options of a client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use hyper::Uri;
use hyper::client::conn::{http1, http2};

use super::Client;
use super::options::Options;
use super::pool::Pool;
use super::stream::Stream;
use crate::{Executor, Timer};

/// Interval of pings while a request over HTTP/2 is under way, so that a dead peer is noticed.
const PING: Duration = Duration::from_secs(30);

/// Options of a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use wakeful_hyper::Client;
///
/// let client = Client::builder()
///     .timeout(Duration::from_secs(10))
///     .max_connections_per_host(4)
///     .build();
/// ```
#[must_use = "call `build` to make the client"]
#[derive(Debug)]
pub struct ClientBuilder {
    pub(super) options: Options,
}

impl ClientBuilder {
    pub(super) fn new() -> ClientBuilder {
        let mut http2 = http2::Builder::new(Executor::new());
        http2.timer(Timer::new()).keep_alive_interval(PING);
        ClientBuilder {
            options: Options {
                connect_timeout: Duration::from_secs(10),
                timeout: None,
                idle_timeout: Duration::from_secs(90),
                max_connections: 100,
                http2_only: false,
                tls: None,
                connector: None,
                http1: http1::Builder::new(),
                http2,
            },
        }
    }

    /// Limits the time for a connection: the lookup of the name, the connect, and the handshakes of
    /// TLS and HTTP/2. The default is 10 seconds.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.options.connect_timeout = limit;
        self
    }

    /// Limits the time for a whole exchange, from the call until the end of the response's body. By
    /// default there is no limit.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// Sets how long an idle connection is kept. The default is 90 seconds. With zero, no
    /// connection of HTTP/1 is used twice.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.options.idle_timeout = limit;
        self
    }

    /// Limits the connections to one host and port; idle ones count. Further requests wait. The
    /// default is 100. Over HTTP/2 there is one connection, and the server limits the streams.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub fn max_connections_per_host(mut self, limit: usize) -> Self {
        assert!(
            limit > 0,
            "max_connections_per_host(0) would send no request: give at least 1"
        );
        self.options.max_connections = limit;
        self
    }

    /// Uses HTTP/2 without asking the server: for `http` URLs that is HTTP/2 with prior knowledge.
    /// Over TLS, a server that chooses another protocol is an error of the connect.
    pub fn http2_only(mut self) -> Self {
        self.options.http2_only = true;
        self
    }

    /// Makes connections with a function of yours, for example to a Unix domain socket or through a
    /// proxy. It gets the URL of a request. TLS is added for `https` URLs. Connections are pooled
    /// by the URL's scheme, host and port.
    ///
    /// ```
    /// use wakeful::net::UnixStream;
    /// use wakeful_hyper::Client;
    ///
    /// let client = Client::builder()
    ///     .connect_with(|_| UnixStream::connect("/run/service.sock"))
    ///     .build();
    /// ```
    pub fn connect_with<F, C, S>(mut self, connect: F) -> Self
    where
        F: Fn(Uri) -> C + 'static,
        C: Future<Output = io::Result<S>> + 'static,
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let connect = move |uri| {
            let connecting = connect(uri);
            let boxed = async { Ok(Box::new(connecting.await?) as Stream) };
            Box::pin(boxed) as Pin<Box<dyn Future<Output = io::Result<Stream>>>>
        };
        self.options.connector = Some(Box::new(connect));
        self
    }

    /// Changes further options of connections over HTTP/1.
    pub fn configure_http1(mut self, f: impl FnOnce(&mut http1::Builder)) -> Self {
        f(&mut self.options.http1);
        self
    }

    /// Changes further options of connections over HTTP/2, such as the sizes of its windows.
    pub fn configure_http2(mut self, f: impl FnOnce(&mut http2::Builder<Executor>)) -> Self {
        f(&mut self.options.http2);
        self
    }

    /// Makes the client.
    pub fn build(self) -> Client {
        Client::with_pool(Pool::new(self.options))
    }
}

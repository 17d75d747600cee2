//! TLS for a server.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::ServerConfig;
use futures_rustls::server::TlsStream;

use super::Listener;

/// Listener that adds TLS to the connections of another one.
///
/// It offers HTTP/2 and HTTP/1.1 by ALPN, unless the configuration names protocols itself. The
/// handshake of each connection runs in the connection's task, within the server's
/// [`header_timeout`](super::Serve::header_timeout).
///
/// ```no_run
/// use std::sync::Arc;
/// use futures_rustls::rustls::ServerConfig;
/// use wakeful_hyper::TlsListener;
/// # use std::convert::Infallible;
/// # use hyper::{Request, Response, body::Incoming};
///
/// # async fn example(config: ServerConfig) -> std::io::Result<()> {
/// # let service = tower::service_fn(async |_: Request<Incoming>| {
/// #     Ok::<_, Infallible>(Response::new("hello\n".to_string()))
/// # });
/// let tcp = wakeful::net::TcpListener::bind("127.0.0.1:7443").await?;
/// wakeful_hyper::serve(TlsListener::new(tcp, config), service).await
/// # }
/// ```
pub struct TlsListener<L> {
    listener: L,
    acceptor: TlsAcceptor,
}

/// The handshakes of a [`TlsListener`]: first that of the listener below, then TLS.
pub type TlsHandshake<I> = Pin<Box<dyn Future<Output = io::Result<TlsStream<I>>>>>;

impl<L: Listener> TlsListener<L> {
    /// Adds TLS to a listener.
    pub fn new(listener: L, config: impl Into<Arc<ServerConfig>>) -> TlsListener<L> {
        let mut config = config.into();
        if config.alpn_protocols.is_empty() {
            let protocols = ["h2", "http/1.1"].map(|name| name.as_bytes().to_vec());
            Arc::make_mut(&mut config).alpn_protocols = protocols.to_vec();
        }
        TlsListener {
            listener,
            acceptor: config.into(),
        }
    }
}

impl<L: Listener> Listener for TlsListener<L> {
    type Io = TlsStream<L::Io>;
    type Addr = L::Addr;
    type Handshake = TlsHandshake<L::Io>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, L::Addr)> {
        let (handshake, peer) = self.listener.accept().await?;
        let acceptor = self.acceptor.clone();
        let handshake = Box::pin(async move { acceptor.accept(handshake.await?).await });
        Ok((handshake, peer))
    }

    fn local_addr(&self) -> io::Result<L::Addr> {
        self.listener.local_addr()
    }
}

impl<L: fmt::Debug> fmt::Debug for TlsListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

//! What a server accepts connections from.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::SocketAddr;

use futures_util::io::{AsyncRead, AsyncWrite};
use wakeful_net::{TcpListener, TcpStream};

/// Source of connections for [`serve`](super::serve): TCP, Unix domain sockets, and with the
/// feature `rustls` TLS over either.
///
/// A listener of your own may accept from several sockets, refuse some clients, or begin with a
/// protocol of its own, such as the header of a proxy.
pub trait Listener: 'static {
    /// The stream of a connection.
    type Io: AsyncRead + AsyncWrite + Unpin + 'static;
    /// The address of a peer. It becomes the [`ConnectInfo`](super::ConnectInfo) of its requests.
    type Addr: Clone + Send + Sync + fmt::Debug + 'static;
    /// What has to be done before the first byte of HTTP. It runs in the connection's own task, so
    /// a slow client does not delay others. If it fails, the connection is closed.
    type Handshake: Future<Output = io::Result<Self::Io>> + 'static;

    /// Accepts a connection. The future must be cancel-safe: when it is dropped, no connection may
    /// be lost.
    ///
    /// # Errors
    ///
    /// An error ends the server, so return one only if accepting will fail again. `OutOfMemory` and
    /// `StorageFull` are the exceptions: after these the server pauses for 100 ms and tries again.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Handshake, Self::Addr)>>;

    /// Returns the address of the listener.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    fn local_addr(&self) -> io::Result<Self::Addr>;
}

/// Sets `TCP_NODELAY` for each connection, so that small answers are sent at once.
impl Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;
    type Handshake = Ready<io::Result<TcpStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // If it fails, small answers are sent later.
        let _ = stream.set_nodelay(true);
        Ok((ready(Ok(stream)), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

#[cfg(unix)]
impl Listener for wakeful_net::UnixListener {
    type Io = wakeful_net::UnixStream;
    type Addr = wakeful_net::unix::SocketAddr;
    type Handshake = Ready<io::Result<wakeful_net::UnixStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Self::Addr)> {
        let (stream, peer) = wakeful_net::UnixListener::accept(self).await?;
        Ok((ready(Ok(stream)), peer))
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        wakeful_net::UnixListener::local_addr(self)
    }
}

//! TCP connection.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::{Shutdown, SocketAddr};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use rustix::io::Errno;
use wakeful_core::reactor::Interest;

use super::socket::TcpSocket;
use crate::addr::{self, Addrs, ToSocketAddrs};
use crate::connect;
use crate::error::{is, tried};
use crate::halves::halves;
use crate::stream::{Received, Socket, Stream, stream_methods};
use crate::{sim, sys};

/// TCP connection.
///
/// The methods take `&self`; the `futures-io` traits are implemented for `TcpStream` and
/// `&TcpStream`. Their `close` shuts the writing direction down. tokio's traits are implemented with
/// the feature `tokio-io`. Dropping the stream closes the connection.
///
/// ```no_run
/// use futures_util::AsyncReadExt;
/// use wakeful::net::TcpStream;
///
/// # async fn example() -> std::io::Result<()> {
/// let mut stream = TcpStream::connect("localhost:8080").await?;
/// stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
/// let mut reply = String::new();
/// stream.read_to_string(&mut reply).await?;
/// # Ok(())
/// # }
/// ```
pub struct TcpStream(pub(crate) Stream<sim::TcpStream>);

stream_methods!(TcpStream, std::net::TcpStream, sim::TcpStream);
halves!(TcpStream);

impl TcpStream {
    /// Connects to the first address that answers.
    ///
    /// The addresses are tried as in RFC 8305 ("happy eyeballs"): the next attempt begins when one
    /// has failed, or after 250 milliseconds without an answer, while the earlier attempts
    /// continue. The first connection is returned, and the other attempts are dropped. So a server
    /// may see a connection that is closed at once.
    ///
    /// The addresses of a name are tried in the resolver's order, which prefers IPv6 if there is a
    /// route, but the two families alternate. A list of addresses is tried in its order.
    ///
    /// There is no overall timeout: the system gives up on an address that never answers after
    /// minutes. Put a [`timeout`](wakeful_core::time::timeout) around it.
    ///
    /// # Errors
    ///
    /// If no address answers, returns the error of the attempt that failed last, with its address.
    /// The error that this machine has no route or no local address is returned only if all
    /// attempts fail so. Otherwise returns the error of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, all attempts are dropped.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        match addr::resolve(&addr).await? {
            // The common case, without a race.
            Addrs::One(addr) => attempt(addr).await,
            Addrs::Many(addrs) => connect::race(addrs, attempt).await,
            Addrs::Found(addrs) => connect::race(connect::by_turns(addrs), attempt).await,
        }
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection is closed.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }

    /// Returns the local address.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    /// Returns whether Nagle's algorithm is off (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        sim::option(self.0.get_ref(), "nodelay", |socket| socket.tcp_nodelay())
    }

    /// Sets `TCP_NODELAY`: `true` turns Nagle's algorithm off, so that small writes are sent at
    /// once.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        sim::set_option(self.0.get_ref(), "nodelay", nodelay, |socket, nodelay| {
            socket.set_tcp_nodelay(nodelay)
        })
    }

    /// Returns how long closing waits for data to be sent (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        sim::option(self.0.get_ref(), "linger", |socket| socket.linger())
    }

    /// Sets how long closing waits for data to be sent, in whole seconds. That wait blocks the
    /// thread; zero resets the connection instead of waiting.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        sim::set_option(self.0.get_ref(), "linger", linger, |socket, linger| {
            socket.set_linger(linger)
        })
    }

    /// Sets that closing resets the connection, and drops data that was not sent. The reset does
    /// not wait.
    ///
    /// ```
    /// use wakeful::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (server, _) = listener.accept().await?;
    ///     client.set_zero_linger()?;
    ///     drop(client);
    ///     let error = server.read(&mut [0; 8]).await.unwrap_err();
    ///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Returns whether acknowledgements are sent at once (`TCP_QUICKACK`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system; `Unsupported` on systems other than Linux.
    pub fn quickack(&self) -> io::Result<bool> {
        sim::option(self.0.get_ref(), "quickack", sys::quickack)
    }

    /// Sets whether acknowledgements are sent at once (`TCP_QUICKACK`). The system may change the
    /// setting later, so set it again after each read.
    ///
    /// ```no_run
    /// # async fn example(stream: wakeful::net::TcpStream) -> std::io::Result<()> {
    /// let mut buf = [0; 1024];
    /// let n = stream.read(&mut buf).await?;
    /// stream.set_quickack(true)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the system; `Unsupported` on systems other than Linux.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        sim::set_option(self.0.get_ref(), "quickack", quickack, sys::set_quickack)
    }

    /// Returns the maximum number of hops of a packet (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        sim::option(self.0.get_ref(), "ttl", |socket| socket.ttl_v4())
    }

    /// Sets the maximum number of hops of a packet (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        sim::set_option(self.0.get_ref(), "ttl", ttl, |socket, ttl| {
            socket.set_ttl_v4(ttl)
        })
    }
}

impl TcpSocket {
    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the address.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, the socket is closed.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        self.connect_unnamed(addr)
            .await
            .map_err(tried("connect to", addr))
    }

    async fn connect_unnamed(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match self.0.connect(&addr.into()) {
            Ok(()) => Ok(TcpStream(Stream::new(self.0.into())?)),
            // The system continues to connect, also after a signal.
            Err(error) if is(&error, Errno::INPROGRESS) || is(&error, Errno::INTR) => {
                Ok(TcpStream(Stream::connected(self.0.into()).await?))
            }
            Err(error) => Err(error),
        }
    }
}

/// Makes one attempt to connect. Dropping the future closes the socket.
async fn attempt(addr: SocketAddr) -> io::Result<TcpStream> {
    let connected = async { TcpSocket::for_addr(addr)?.connect_unnamed(addr).await };
    connected.await.map_err(tried("connect to", addr))
}

impl Socket for std::net::TcpStream {
    #[inline]
    fn read(&self, buf: &mut [u8]) -> io::Result<Received> {
        let mut this = self;
        let bytes = Read::read(&mut this, buf)?;
        Ok(Received { bytes, cut: false })
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Received> {
        let mut this = self;
        let bytes = Read::read_vectored(&mut this, bufs)?;
        Ok(Received { bytes, cut: false })
    }
}

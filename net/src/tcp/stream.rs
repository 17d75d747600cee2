//! A TCP connection.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use rustix::io::Errno;
use socket2::SockRef;
use wakeful_core::reactor::Interest;

use super::socket::TcpSocket;
use crate::addr::{self, Addrs, ToSocketAddrs};
use crate::connect;
use crate::error::{is, tried};
use crate::halves::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::stream::{Received, Socket, Stream, stream_methods};

/// A TCP connection.
///
/// The methods take `&self`; the `futures-io` traits are there for `TcpStream` and `&TcpStream`.
/// Closing through those ends the writing direction. Dropping the stream closes the connection.
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
pub struct TcpStream(pub(super) Stream<std::net::TcpStream>);

stream_methods!(TcpStream, std::net::TcpStream);

impl TcpStream {
    /// Connects to the first address that answers.
    ///
    /// The addresses are tried in the way of RFC 8305 ("happy eyeballs"): the next attempt begins
    /// when one has failed, or after 250 milliseconds without an answer, while those before it go
    /// on. The first connection is returned, and the other attempts are given up. So a server may
    /// see a connection that is closed at once.
    ///
    /// The addresses of a name are tried in the resolver's order, which prefers IPv6 where there is
    /// a route for it, but with the two families by turns. Addresses that are given are tried in
    /// their order.
    ///
    /// It has no limit of its own for the whole: the system's, for an address that never answers,
    /// is minutes. Put a [`timeout`](wakeful_core::time::timeout) around it.
    ///
    /// # Errors
    ///
    /// If no address answers, that of the attempt that failed last, with its address; an attempt
    /// for which this machine has no route or no address counts only if all are so. Or that of the
    /// lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: the attempts are given up.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        match addr::resolve(&addr).await? {
            // Most often. It needs no race.
            Addrs::One(addr) => attempt(addr).await,
            Addrs::Many(addrs) => connect::race(addrs, attempt).await,
            Addrs::Found(addrs) => connect::race(connect::by_turns(addrs), attempt).await,
        }
    }

    /// The other side's address.
    ///
    /// # Errors
    ///
    /// If the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    /// Is Nagle's algorithm off?
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.get_ref().nodelay()
    }

    /// Turns Nagle's algorithm off, so that small writes are sent at once; or on.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.get_ref().set_nodelay(nodelay)
    }

    /// How long closing waits for data to be sent.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.0.get_ref()).linger()
    }

    /// Sets how long closing waits for data to be sent, in whole seconds. That wait blocks the
    /// thread; zero resets the connection instead of waiting.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.0.get_ref()).set_linger(linger)
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.get_ref().ttl()
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.get_ref().set_ttl(ttl)
    }
}

impl TcpSocket {
    /// Connects.
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
    /// Cancel-safe: the connection is given up.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        self.connect_unnamed(addr)
            .await
            .map_err(tried("connect to", addr))
    }

    async fn connect_unnamed(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match self.0.connect(&addr.into()) {
            Ok(()) => Ok(TcpStream(Stream::new(self.0.into())?)),
            // It goes on by itself; so it does if a signal came in between.
            Err(error) if is(&error, Errno::INPROGRESS) || is(&error, Errno::INTR) => {
                Ok(TcpStream(Stream::connected(self.0.into()).await?))
            }
            Err(error) => Err(error),
        }
    }
}

/// One attempt to connect. Dropped, it gives up the connection.
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

//! Waiting for TCP connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream as Iterate;

use super::{TcpSocket, TcpStream};
use crate::accept::{Acceptor, accept_nonblocking};
use crate::addr::{self, ToSocketAddrs};
use crate::stream::Stream;

/// A socket that takes TCP connections in.
///
/// # When descriptors run out
///
/// With no descriptor left (`EMFILE`, `ENFILE`) or no memory for a socket, [`accept`](Self::accept)
/// does not fail: a loop around it would then spin, as the connection stays in the queue. It waits
/// instead, 5 milliseconds at first and up to a second, and tries again. To see the error use
/// [`try_accept`](Self::try_accept). Connections that broke before they were accepted are passed
/// over.
///
/// ```no_run
/// use wakeful_net::TcpListener;
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let (stream, peer) = listener.accept().await?;
///     wakeful::spawn(async move {
///         stream.write(format!("hello {peer}\n").as_bytes()).await
///     });
/// }
/// # }
/// ```
pub struct TcpListener(Acceptor<std::net::TcpListener>);

impl TcpListener {
    /// Listens on an address, with `SO_REUSEADDR` and a queue of 1024. Every address that the name
    /// has is tried until one works; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names; or that of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        addr::each(&addr, "listen on", |addr| async move {
            let socket = TcpSocket::for_addr(addr)?;
            socket.set_reuseaddr(true)?;
            socket.bind_unnamed(addr)?;
            socket.listen(1024)
        })
        .await
    }

    /// Takes the next connection in.
    ///
    /// # Errors
    ///
    /// If the runtime has ended, and what can't be waited out, see the type.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no connection is lost.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept(accept).await.and_then(register)
    }

    /// Takes a connection in now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; otherwise what the system says.
    pub fn try_accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.try_accept(accept).and_then(register)
    }

    /// Polls [`accept`](Self::accept); of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.0
            .poll_accept(cx, accept)
            .map(|accepted| accepted.and_then(register))
    }

    /// The connections as a stream that does not end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(self)
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.get_ref().local_addr()
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.get_ref().ttl()
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.get_ref().set_ttl(ttl)
    }

    /// Takes in a listening socket of std's, and makes it nonblocking.
    ///
    /// # Errors
    ///
    /// If it can't be registered.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        Acceptor::new(listener).map(TcpListener)
    }

    /// Takes the socket off the reactor. It stays nonblocking.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.0.into_inner()
    }

    fn get_ref(&self) -> &std::net::TcpListener {
        self.0.io().get_ref()
    }
}

fn accept(listener: &std::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (socket, addr) = accept_nonblocking(listener)?;
    let addr = addr.ok_or(io::ErrorKind::AddrNotAvailable)?.try_into()?;
    Ok((socket.into(), addr))
}

fn register(accepted: (std::net::TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((TcpStream(Stream::new(accepted.0)?), accepted.1))
}

/// The stream of [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a>(&'a TcpListener);

impl Iterate for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll_accept(cx)
            .map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

//! Listener for TCP connections.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::socket::TcpSocket;
use super::stream::TcpStream;
use crate::accept::{Acceptor, listener_methods};
use crate::addr::{self, ToSocketAddrs};
use crate::handle::Handle;
use crate::sim;
use crate::stream::Stream;
use crate::sys::accept_nonblocking;

/// TCP socket that accepts connections.
///
/// # When descriptors run out
///
/// With no descriptor left (`EMFILE`, `ENFILE`) or no memory for a socket, [`accept`](Self::accept)
/// does not fail: a loop around it would then spin, as the connection stays in the queue. It waits
/// instead, 5 milliseconds at first and up to a second, and tries again. To see the error use
/// [`try_accept`](Self::try_accept). Connections that broke before they were accepted are skipped.
/// Any other error will occur again: the listener was shut down, or a sandbox refuses the call. So
/// a loop should end, or report the error and pause, when [`accept`](Self::accept) fails.
///
/// ```no_run
/// use wakeful::net::TcpListener;
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
pub struct TcpListener(Acceptor<sim::TcpListener>);

impl TcpListener {
    /// Listens on an address, with `SO_REUSEADDR` and a backlog of 1024 connections. Every address
    /// that the name has is tried until one works; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, which it names, or the error of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, the socket is closed.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        addr::each(&addr, "listen on", |addr| async move {
            let socket = TcpSocket::for_addr(addr)?;
            socket.set_reuseaddr(true)?;
            socket.bind_unnamed(addr)?;
            socket.listen(1024)
        })
        .await
    }

    /// Returns the maximum number of hops of a packet (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        sim::option(self.get_ref(), "ttl", |socket| socket.ttl_v4())
    }

    /// Sets the maximum number of hops of a packet (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        sim::set_option(self.get_ref(), "ttl", ttl, |socket, ttl| {
            socket.set_ttl_v4(ttl)
        })
    }
}

listener_methods!(
    TcpListener,
    std::net::TcpListener,
    sim::TcpListener,
    TcpStream,
    SocketAddr
);

fn accept(listener: &sim::TcpListener) -> io::Result<(sim::TcpStream, SocketAddr)> {
    sim::accept(listener, |listener| {
        let (socket, addr) = accept_nonblocking(listener)?;
        let addr = addr.ok_or(io::ErrorKind::AddrNotAvailable)?.try_into()?;
        Ok((socket.into(), addr))
    })
}

fn register(accepted: (sim::TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((TcpStream(Stream::accepted(accepted.0)?), accepted.1))
}

impl TcpListener {
    /// Accepts a connection for another thread's reactor, without registering it.
    pub(crate) async fn accept_for_another(&self) -> io::Result<(std::net::TcpStream, SocketAddr)> {
        let (stream, addr) = self.0.accept(accept).await?;
        Ok((stream.into_std()?, addr))
    }
}

impl TcpStream {
    /// Registers an accepted, nonblocking connection.
    pub(crate) fn accepted(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        Stream::accepted(Handle::of_std(stream)).map(TcpStream)
    }
}

impl TcpSocket {
    /// Starts to listen; at most `backlog` connections wait to be accepted.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.0.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::new(self.0.into())
    }
}

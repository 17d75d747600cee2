//! Sockets for datagrams.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use wakeful::net::ToSocketAddrs;

use super::{adapter, fill};

/// UDP socket. It has the other methods of Wakeful's [`UdpSocket`](wakeful::net::UdpSocket) through
/// `Deref`.
pub struct UdpSocket(wakeful::net::UdpSocket);

/// Unix domain socket for datagrams. It has the other methods of Wakeful's
/// [`UnixDatagram`](wakeful::net::UnixDatagram) through `Deref`.
pub struct UnixDatagram(pub(super) wakeful::net::UnixDatagram);

macro_rules! datagram {
    ($type:ident, $ours:ty, $std:ty, $addr:ty) => {
        adapter!($type, $ours, $std);

        impl $type {
            /// Polls for the next datagram of the peer. Only the task that polled last is woken.
            ///
            /// # Errors
            ///
            /// Returns the error of the system.
            pub fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                fill(buf, |buf| self.0.poll_recv(cx, buf)).map_ok(|_| ())
            }

            /// Polls for the next datagram, and returns its sender. Only the task that polled last
            /// is woken.
            ///
            /// # Errors
            ///
            /// Returns the error of the system.
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<$addr>> {
                let unfilled = buf.initialize_unfilled();
                let (count, addr) = ready!(self.0.poll_recv_from(cx, unfilled))?;
                buf.advance(count);
                Poll::Ready(Ok(addr))
            }
        }
    };
}

datagram!(
    UdpSocket,
    wakeful::net::UdpSocket,
    std::net::UdpSocket,
    SocketAddr
);
datagram!(
    UnixDatagram,
    wakeful::net::UnixDatagram,
    std::os::unix::net::UnixDatagram,
    std::os::unix::net::SocketAddr
);

impl UdpSocket {
    /// Binds a socket to an address.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, or of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        wakeful::net::UdpSocket::bind(addr).await.map(UdpSocket)
    }

    /// Polls for a datagram of the peer, which stays in the queue, and returns its length.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        fill(buf, |buf| self.0.poll_peek(cx, buf))
    }

    /// Polls for a datagram, which stays in the queue, and returns its sender.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let (count, addr) = ready!(self.0.poll_peek_from(cx, buf.initialize_unfilled()))?;
        buf.advance(count);
        Poll::Ready(Ok(addr))
    }
}

impl UnixDatagram {
    /// Binds a socket to a path.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        wakeful::net::UnixDatagram::bind(path).map(UnixDatagram)
    }

    /// Makes a socket without an address.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        wakeful::net::UnixDatagram::unbound().map(UnixDatagram)
    }

    /// Makes two connected sockets.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = wakeful::net::UnixDatagram::pair()?;
        Ok((UnixDatagram(one), UnixDatagram(other)))
    }
}

//! Unix domain datagrams.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use wakeful::reactor::{Async, Interest};

use super::SocketAddr;
use crate::error::tried;

/// A Unix domain socket for datagrams. The methods take `&self`, so several tasks may use one.
///
/// Datagrams arrive whole, in order, and are not lost; sending waits while the receiver's queue is
/// full.
///
/// ```
/// use wakeful_net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, there) = UnixDatagram::pair()?;
///     here.send(b"one").await?;
///     let mut buf = [0; 16];
///     assert_eq!(there.recv(&mut buf).await?, 3);
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixDatagram(Async<net::UnixDatagram>);

impl UnixDatagram {
    /// A socket at a path, which must not exist yet.
    ///
    /// # Errors
    ///
    /// Those of the system, with the path.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let path = path.as_ref();
        let socket = net::UnixDatagram::bind(path).map_err(tried("bind to", path.display()))?;
        UnixDatagram::from_std(socket)
    }

    /// A socket at an address, such as an abstract one.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind_addr(addr)?)
    }

    /// A socket without a name: it can send, and receives only once it is connected by a pair.
    ///
    /// # Errors
    ///
    /// If the system gives none.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// If the system gives none.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (here, there) = net::UnixDatagram::pair()?;
        Ok((
            UnixDatagram::from_std(here)?,
            UnixDatagram::from_std(there)?,
        ))
    }

    /// Sends to and receives from the socket at this path only, from now on.
    ///
    /// # Errors
    ///
    /// Those of the system, with the path.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let path = path.as_ref();
        self.get_ref()
            .connect(path)
            .map_err(tried("connect to", path.display()))
    }

    /// Sends to and receives from this address only, from now on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.get_ref().connect_addr(addr)
    }

    /// Sends a datagram to the connected socket.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was sent.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.write_with(|io| io.send(buf)).await
    }

    /// Receives a datagram. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was received.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_with(|io| io.recv(buf)).await
    }

    /// Sends a datagram to the socket at a path.
    ///
    /// An event that announces room speaks of the connected socket, and there is none here; if the
    /// receiver's queue is full this asks again now and then.
    ///
    /// # Errors
    ///
    /// Those of the system, with the path.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was sent.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        let path = path.as_ref();
        loop {
            match self.get_ref().send_to(buf, path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wakeful::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                sent => return sent.map_err(tried("send to", path.display())),
            }
        }
    }

    /// Receives a datagram, and says from whom. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was received.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.read_with(|io| io.recv_from(buf)).await
    }

    /// Sends now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; else as [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write_with(|io| io.send(buf))
    }

    /// Receives now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; else as [`recv`](Self::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read_with(|io| io.recv(buf))
    }

    /// Receives now, without waiting, and says from whom.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.try_read_with(|io| io.recv_from(buf))
    }

    /// Polls [`send`](Self::send); of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write_with(cx, |io| io.send(buf))
    }

    /// Polls [`recv`](Self::recv); of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read_with(cx, |io| io.recv(buf))
    }

    /// Waits until there is something to receive, as far as events tell.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Waits until there is room to send, as far as events tell.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.get_ref().local_addr()
    }

    /// The address it is connected to.
    ///
    /// # Errors
    ///
    /// If it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.get_ref().peer_addr()
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.get_ref().shutdown(how)
    }

    /// The error that waits on the socket, which this takes away.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.get_ref().take_error()
    }

    /// Takes in a socket of std's, and makes it nonblocking.
    ///
    /// # Errors
    ///
    /// If it can't be registered.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn from_std(socket: net::UnixDatagram) -> io::Result<UnixDatagram> {
        let io = Async::new(socket)?;
        io.source()
            .assume_ready(Interest::READABLE | Interest::WRITABLE);
        Ok(UnixDatagram(io))
    }

    /// Takes the socket off the reactor. It stays nonblocking.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn into_std(self) -> io::Result<net::UnixDatagram> {
        self.0.into_inner()
    }

    fn get_ref(&self) -> &net::UnixDatagram {
        self.0.get_ref()
    }
}

impl AsFd for UnixDatagram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl AsRawFd for UnixDatagram {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

//! Waiting for Unix domain connections.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::task::{Context, Poll};

use rustix::net::{SocketAddrAny, SocketAddrUnix, SocketType};

use super::{SocketAddr, UnixStream};
use crate::accept::{Acceptor, accept_nonblocking};
use crate::error::tried;
use crate::stream::Stream;

type Accepted = (std::os::unix::net::UnixStream, SocketAddr);

/// A socket that takes Unix domain connections in.
///
/// When descriptors run out it waits and tries again, as [`TcpListener`](crate::TcpListener) does.
/// The file at its path stays when it is dropped.
///
/// ```no_run
/// use wakeful_net::UnixListener;
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = UnixListener::bind("/tmp/example.socket")?;
/// let (stream, _) = listener.accept().await?;
/// stream.write(b"hello").await?;
/// # Ok(())
/// # }
/// ```
pub struct UnixListener(Acceptor<std::os::unix::net::UnixListener>);

impl UnixListener {
    /// Listens at a path, which must not exist yet.
    ///
    /// # Errors
    ///
    /// Those of the system, with the path.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        let path = path.as_ref();
        UnixListener::bind_to(&super::path_addr(path)?).map_err(tried("listen on", path.display()))
    }

    /// Listens at an address, such as an abstract one.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::bind_to(&super::any_addr(addr)?)
    }

    fn bind_to(addr: &SocketAddrUnix) -> io::Result<UnixListener> {
        let socket = super::socket(SocketType::STREAM)?;
        rustix::net::bind(&socket, addr)?;
        rustix::net::listen(&socket, 1024)?;
        UnixListener::from_std(socket.into())
    }

    /// Takes the next connection in.
    ///
    /// # Errors
    ///
    /// If the runtime has ended, and what can't be waited out.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no connection is lost.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.0.accept(accept).await.and_then(register)
    }

    /// Takes a connection in now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; otherwise what the system says.
    pub fn try_accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        self.0.try_accept(accept).and_then(register)
    }

    /// Polls [`accept`](Self::accept); of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.0
            .poll_accept(cx, accept)
            .map(|accepted| accepted.and_then(register))
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.get_ref().local_addr()
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
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        Acceptor::new(listener).map(UnixListener)
    }

    /// Takes the socket off the reactor. It stays nonblocking.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        self.0.into_inner()
    }

    fn get_ref(&self) -> &std::os::unix::net::UnixListener {
        self.0.io().get_ref()
    }
}

fn accept(listener: &std::os::unix::net::UnixListener) -> io::Result<Accepted> {
    let (socket, addr) = accept_nonblocking(listener)?;
    Ok((socket.into(), std_addr(addr)?))
}

fn register((stream, addr): Accepted) -> io::Result<(UnixStream, SocketAddr)> {
    Ok((UnixStream(Stream::new(stream)?), addr))
}

/// A client's address as one of std's.
fn std_addr(addr: Option<SocketAddrAny>) -> io::Result<SocketAddr> {
    let addr = addr.and_then(|addr| SocketAddrUnix::try_from(addr).ok());
    #[cfg(target_os = "linux")]
    if let Some(name) = addr.as_ref().and_then(SocketAddrUnix::abstract_name)
        && !name.is_empty()
    {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    match addr.as_ref().and_then(SocketAddrUnix::path) {
        Some(path) => SocketAddr::from_pathname(OsStr::from_bytes(path.to_bytes())),
        // The empty path is how std makes an unnamed address.
        None => SocketAddr::from_pathname(""),
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

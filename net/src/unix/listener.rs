//! Waiting for Unix domain connections.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use rustix::net::{SocketAddrAny, SocketAddrUnix, SocketType};

use super::{SocketAddr, UnixStream};
use crate::accept::{Acceptor, accept_nonblocking, listener_methods};
use crate::error::tried;
use crate::stream::Stream;

type Accepted = (net::UnixStream, SocketAddr);

/// A socket that takes Unix domain connections in.
///
/// When descriptors run out it waits and tries again, as [`TcpListener`](crate::TcpListener) does.
/// The file at its path stays when it is dropped.
pub struct UnixListener(Acceptor<net::UnixListener>);

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
        UnixListener::new(socket.into())
    }
}

listener_methods!(UnixListener, net::UnixListener, UnixStream, SocketAddr);

fn accept(listener: &net::UnixListener) -> io::Result<Accepted> {
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
    if let Some(name) = addr.as_ref().and_then(SocketAddrUnix::abstract_name) {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    match addr.as_ref().and_then(SocketAddrUnix::path) {
        Some(path) => SocketAddr::from_pathname(OsStr::from_bytes(path.to_bytes())),
        // The empty path is how std makes an unnamed address.
        None => SocketAddr::from_pathname(""),
    }
}

//! Creation of listening sockets before a runtime exists.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Type};

use crate::error::tried;
use crate::sys::{nonblocking, set_balanced_reuse_port};

/// Listens on the first address that works. A name lookup blocks the thread.
pub(super) fn first<T>(
    addr: impl ToSocketAddrs,
    listen: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for addr in addr.to_socket_addrs()? {
        match listen(addr) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(tried("listen on", addr)(error)),
        }
    }
    Err(last.unwrap_or_else(|| {
        let text = "listen on: there is no address to try";
        io::Error::new(io::ErrorKind::InvalidInput, text)
    }))
}

/// Creates a nonblocking listener, as [`TcpListener::bind`](crate::TcpListener::bind) does.
pub(super) fn listen(addr: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let domain = Domain::for_address(addr);
    let socket = nonblocking(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if reuse_port {
        set_balanced_reuse_port(&socket)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Returns the error for 0 shards.
pub(super) fn no_shards() -> io::Error {
    let text = "the number of shards is 0: give at least 1";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

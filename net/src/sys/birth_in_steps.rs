//! Systems of Apple, where a new socket gets its flags in further calls. A program that another
//! thread executes between the calls inherits the socket.
//!
//! A write to a socket whose peer has closed raises `SIGPIPE` there, as `MSG_NOSIGNAL` does not
//! exist. So each socket gets `SO_NOSIGPIPE`; socket2 and std set it on those that they create.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd, ioctl_fionbio};
use rustix::net::sockopt::set_socket_nosigpipe;
use rustix::net::{AddressFamily, SocketAddrAny, SocketType};
use socket2::{Domain, Protocol, Socket, Type};

/// Creates a nonblocking socket.
pub(crate) fn nonblocking(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Creates a nonblocking Unix domain socket.
pub(crate) fn unix_socket(kind: SocketType) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::UNIX, kind, None)?;
    prepare(&socket)?;
    Ok(socket)
}

/// Accepts a connection as a nonblocking socket.
pub(crate) fn accept_nonblocking(
    listener: impl AsFd,
) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (socket, addr) = rustix::net::acceptfrom(listener)?;
    prepare(&socket)?;
    Ok((socket, addr))
}

/// Makes a socket close-on-exec and nonblocking, and its writes return errors without a signal.
fn prepare(socket: &OwnedFd) -> io::Result<()> {
    fcntl_setfd(socket, fcntl_getfd(socket)? | FdFlags::CLOEXEC)?;
    ioctl_fionbio(socket, true)?;
    match set_socket_nosigpipe(socket, true) {
        // The peer of an accepted connection has gone already, which the first read shows.
        Err(rustix::io::Errno::INVAL) => Ok(()),
        set => Ok(set?),
    }
}

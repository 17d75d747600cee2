//! Sockets that are born nonblocking and close-on-exec.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketAddrAny, SocketFlags, SocketType, socket_with};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::tried;

/// Creates a nonblocking socket, with one system call.
pub(crate) fn nonblocking(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<Socket> {
    Socket::new(domain, kind.nonblocking(), protocol)
}

/// Creates a nonblocking Unix domain socket.
pub(crate) fn unix_socket(kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, kind, flags, None)?)
}

/// Accepts a connection as a nonblocking socket, with one system call (accept4).
pub(crate) fn accept_nonblocking(
    listener: impl AsFd,
) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    use rustix::io::Errno as E;

    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match rustix::net::acceptfrom_with(&listener, flags) {
        // A sandbox may allow only the older call. A `PERM` of accept(2) itself is returned again.
        Err(E::NOSYS | E::PERM | E::ACCESS) => accept_in_steps(&listener).map_err(refused),
        accepted => Ok(accepted?),
    }
}

/// Adds advice to the error of a refused call.
fn refused(error: io::Error) -> io::Error {
    use rustix::io::Errno as E;

    match E::from_io_error(&error) {
        Some(E::NOSYS | E::PERM | E::ACCESS) => tried(
            "accept a connection:",
            "the system refuses `accept4` and `accept`; allow one of them in the sandbox of this \
             process",
        )(error),
        _ => error,
    }
}

/// Accepts a connection, then makes it nonblocking and close-on-exec. A program that another thread
/// executes between these calls inherits the socket.
fn accept_in_steps(listener: impl AsFd) -> io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (fd, addr) = rustix::net::acceptfrom(listener)?;
    let flags = rustix::io::fcntl_getfd(&fd)? | rustix::io::FdFlags::CLOEXEC;
    rustix::io::fcntl_setfd(&fd, flags)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok((fd, addr))
}

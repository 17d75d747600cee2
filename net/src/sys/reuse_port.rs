//! Several listeners on one port, among which the system spreads the connections.

use std::io;

use socket2::Socket;

/// Allows several listeners on the same port, each of which gets a share of the connections.
///
/// # Errors
///
/// `Unsupported` where all connections go to one of the listeners.
#[cfg(not(any(
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_vendor = "apple",
)))]
pub(crate) fn set_balanced_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Allows several listeners on the same port. With `SO_REUSEPORT` all connections would go to one
/// of them.
#[cfg(target_os = "freebsd")]
pub(crate) fn set_balanced_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port_lb(true)
}

/// Returns an error: with `SO_REUSEPORT` all connections would go to one of the listeners.
#[cfg(any(target_os = "netbsd", target_os = "openbsd", target_vendor = "apple"))]
pub(crate) fn set_balanced_reuse_port(_: &Socket) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system does not spread connections among listeners on one port (SO_REUSEPORT): use \
         net::shard::Acceptor",
    ))
}

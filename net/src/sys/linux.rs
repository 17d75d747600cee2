//! Linux: abstract names of Unix domain sockets, and options that only Linux has.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::SocketAddrUnix;
use socket2::SockRef;

/// An error of a connection that was not accepted yet, which only Linux has.
pub(crate) const NO_NETWORK: Option<Errno> = Some(Errno::NONET);

/// Returns the address of an abstract name; `None` if the system has no such names.
pub(crate) fn from_abstract_name(name: &[u8]) -> Option<io::Result<SocketAddr>> {
    Some(SocketAddr::from_abstract_name(name))
}

/// Converts an address of std with an abstract name; `None` if it has none.
pub(crate) fn raw_abstract(addr: &SocketAddr) -> Option<io::Result<SocketAddrUnix>> {
    let name = addr.as_abstract_name()?;
    Some(SocketAddrUnix::new_abstract_name(name).map_err(io::Error::from))
}

/// Returns the address without a name, if the system can bind to it.
pub(crate) fn raw_unnamed() -> Option<SocketAddrUnix> {
    Some(SocketAddrUnix::new_unnamed())
}

/// Converts an address of rustix with an abstract name; `None` if it has none.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn std_abstract(addr: &SocketAddrUnix) -> Option<io::Result<SocketAddr>> {
    Some(SocketAddr::from_abstract_name(addr.abstract_name()?))
}

pub(crate) fn bind_device(socket: SockRef<'_>, interface: Option<&[u8]>) -> io::Result<()> {
    socket.bind_device(interface)
}

pub(crate) fn device(socket: SockRef<'_>) -> io::Result<Option<Vec<u8>>> {
    socket.device()
}

pub(crate) fn quickack(socket: SockRef<'_>) -> io::Result<bool> {
    socket.tcp_quickack()
}

pub(crate) fn set_quickack(socket: SockRef<'_>, quickack: bool) -> io::Result<()> {
    socket.set_tcp_quickack(quickack)
}

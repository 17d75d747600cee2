//! Unix domain sockets, and pipes.

mod cred;
mod datagram;
mod listener;
pub mod pipe;
mod stream;

pub use crate::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use cred::UCred;
pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

/// A new nonblocking socket.
fn socket(kind: SocketType) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::{SocketFlags, socket_with};
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(socket_with(AddressFamily::UNIX, kind, flags, None)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let socket = rustix::net::socket(AddressFamily::UNIX, kind, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }
}

/// A path as an address, with an error that names it.
fn path_addr(path: &Path) -> io::Result<SocketAddrUnix> {
    SocketAddrUnix::new(path).map_err(|errno| {
        let reason = match errno {
            Errno::NAMETOOLONG => "it is too long (about 100 bytes are the most)",
            _ => "it holds a zero byte",
        };
        let text = format!(
            "`{}` can't be the path of a socket: {reason}",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// An address of std's as one of rustix's.
fn any_addr(addr: &SocketAddr) -> io::Result<SocketAddrUnix> {
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::linux::net::SocketAddrExt::as_abstract_name(addr) {
        return Ok(SocketAddrUnix::new_abstract_name(name)?);
    }
    match addr.as_pathname() {
        Some(path) => path_addr(path),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the address has no name",
        )),
    }
}

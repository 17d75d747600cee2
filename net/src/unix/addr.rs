//! Addresses of Unix domain sockets, and making a socket.

use std::io;
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
pub use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

/// A new nonblocking socket.
pub(super) fn socket(kind: SocketType) -> io::Result<OwnedFd> {
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

/// The address that a path means, in the same way as in std: the empty path is unnamed, so that
/// binding to it takes a unique name of the system's choice (on Linux an abstract one), and
/// connecting to it fails. On Linux a path that begins with a zero byte is an abstract name.
///
/// # Errors
///
/// `InvalidInput` if the path can't be one, with the reason.
pub(super) fn named(path: &Path) -> io::Result<SocketAddr> {
    let bytes = path.as_os_str().as_bytes();
    #[cfg(target_os = "linux")]
    if let [0, name @ ..] = bytes {
        return SocketAddr::from_abstract_name(name).map_err(|_| unfit(path, TOO_LONG));
    }
    SocketAddr::from_pathname(path).map_err(|_| {
        let reason = match bytes.contains(&0) {
            true => "it holds a zero byte",
            false => TOO_LONG,
        };
        unfit(path, reason)
    })
}

/// std refuses a path that leaves no room for the zero byte at its end, although Linux takes it; so
/// do we, or std could not connect to it.
const TOO_LONG: &str = "it is too long (Linux takes 107 bytes, other systems 103)";

fn unfit(path: &Path, reason: &str) -> io::Error {
    let text = format!(
        "`{}` can't be the path of a socket: {reason}",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// An address of std's as one of rustix's.
pub(super) fn raw_addr(addr: &SocketAddr) -> io::Result<SocketAddrUnix> {
    #[cfg(target_os = "linux")]
    if let Some(name) = addr.as_abstract_name() {
        return Ok(SocketAddrUnix::new_abstract_name(name)?);
    }
    match addr.as_pathname() {
        Some(path) => Ok(SocketAddrUnix::new(path)?),
        // What the system makes of it: binding chooses a name on Linux, connecting fails.
        None => Ok(SocketAddrUnix::new_unnamed()),
    }
}

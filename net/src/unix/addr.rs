//! Addresses of Unix domain sockets.

use std::io;
use std::os::unix::ffi::OsStrExt;
pub use std::os::unix::net::SocketAddr;
use std::path::Path;

use rustix::net::SocketAddrUnix;

use crate::sys;
pub(super) use crate::sys::unix_socket as socket;

/// Returns the address for a path, as in std: the empty path is unnamed, so binding to it takes a
/// unique name of the system's choice (on Linux an abstract name), and connecting to it fails. On
/// Linux a path that begins with a zero byte is an abstract name.
///
/// # Errors
///
/// `InvalidInput` with the reason if the path is not valid.
pub(super) fn named(path: &Path) -> io::Result<SocketAddr> {
    let bytes = path.as_os_str().as_bytes();
    if let [0, name @ ..] = bytes
        && let Some(addr) = sys::from_abstract_name(name)
    {
        return addr.map_err(|_| unfit(path, TOO_LONG));
    }
    SocketAddr::from_pathname(path).map_err(|_| {
        let reason = match bytes.contains(&0) {
            true => "it contains a zero byte",
            false => TOO_LONG,
        };
        unfit(path, reason)
    })
}

/// std refuses a path without space for a final zero byte, although Linux accepts it. So this does
/// too, or std could not connect to it.
const TOO_LONG: &str = "it is too long (Linux takes 107 bytes, other systems 103)";

fn unfit(path: &Path, reason: &str) -> io::Error {
    let text = format!(
        "`{}` can't be the path of a socket: {reason}",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Converts an address of std to an address of rustix.
pub(super) fn raw_addr(addr: &SocketAddr) -> io::Result<SocketAddrUnix> {
    if let Some(raw) = sys::raw_abstract(addr) {
        return raw;
    }
    match addr.as_pathname() {
        Some(path) => Ok(SocketAddrUnix::new(path)?),
        // Binding to an unnamed address chooses a name on Linux; connecting to it fails.
        None => sys::raw_unnamed().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "an address without a path can't be bound or connected to: use one with a path",
            )
        }),
    }
}

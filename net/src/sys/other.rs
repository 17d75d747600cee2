//! Systems other than Linux, which have no abstract names of Unix domain sockets, and not all
//! options of Linux.

use std::io;
use std::os::unix::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::SocketAddrUnix;
use socket2::SockRef;

pub(crate) const NO_NETWORK: Option<Errno> = None;

pub(crate) fn from_abstract_name(_: &[u8]) -> Option<io::Result<SocketAddr>> {
    None
}

pub(crate) fn raw_abstract(_: &SocketAddr) -> Option<io::Result<SocketAddrUnix>> {
    None
}

pub(crate) fn raw_unnamed() -> Option<SocketAddrUnix> {
    None
}

#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn std_abstract(_: &SocketAddrUnix) -> Option<io::Result<SocketAddr>> {
    None
}

fn needs_linux<T>(option: &str) -> io::Result<T> {
    let text = format!("the option {option} needs Linux: leave the call out on other systems");
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

pub(crate) fn bind_device(_: SockRef<'_>, _: Option<&[u8]>) -> io::Result<()> {
    needs_linux("SO_BINDTODEVICE")
}

pub(crate) fn device(_: SockRef<'_>) -> io::Result<Option<Vec<u8>>> {
    needs_linux("SO_BINDTODEVICE")
}

pub(crate) fn quickack(_: SockRef<'_>) -> io::Result<bool> {
    needs_linux("TCP_QUICKACK")
}

pub(crate) fn set_quickack(_: SockRef<'_>, _: bool) -> io::Result<()> {
    needs_linux("TCP_QUICKACK")
}

//! The module `sim` in builds without the feature: all sockets are those of the system.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockRef, Type};

#[allow(unused_imports, reason = "some are for the feature `bytes`")]
pub(crate) use crate::handle::{
    peek_sender, recv, recv as recv_datagram, recv_from as recv_datagram_from,
};
use crate::sys;

pub(crate) type Socket = socket2::Socket;
pub(crate) type TcpStream = std::net::TcpStream;
pub(crate) type TcpListener = std::net::TcpListener;
pub(crate) type UdpSocket = std::net::UdpSocket;

/// Creates a nonblocking socket.
#[inline]
pub(crate) fn socket(domain: Domain, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    sys::nonblocking(domain, kind, Some(protocol))
}

/// Wraps a socket of the system.
#[inline]
pub(crate) fn of_system(socket: socket2::Socket) -> Socket {
    socket
}

/// Accepts a connection by `accept`.
#[inline]
pub(crate) fn accept(
    listener: &TcpListener,
    accept: impl FnOnce(&std::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)>,
) -> io::Result<(TcpStream, SocketAddr)> {
    accept(listener)
}

/// Returns the addresses of a simulated host's name, on a simulated host.
#[inline]
pub(crate) fn lookup(_: &str) -> Option<io::Result<Vec<IpAddr>>> {
    None
}

/// Reads an option by `get`. `_name` is that of the method.
#[inline]
pub(crate) fn option<S: AsFd, T>(
    socket: &S,
    _name: &str,
    get: impl FnOnce(SockRef<'_>) -> io::Result<T>,
) -> io::Result<T> {
    get(SockRef::from(socket))
}

/// Sets an option by `set`. `_name` is that of the method which reads it.
#[inline]
pub(crate) fn set_option<S: AsFd, T>(
    socket: &S,
    _name: &str,
    value: T,
    set: impl FnOnce(SockRef<'_>, T) -> io::Result<()>,
) -> io::Result<()> {
    set(SockRef::from(socket), value)
}

/// Calls `f`, which only a socket of the system can do. `_name` is that of the method.
#[inline]
pub(crate) fn not_simulated<S: AsFd, T>(
    socket: &S,
    _name: &str,
    f: impl FnOnce(SockRef<'_>) -> io::Result<T>,
) -> io::Result<T> {
    f(SockRef::from(socket))
}

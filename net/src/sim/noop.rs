//! The module `sim` in builds without the feature: all sockets are those of the system.

use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, SockRef, Type};

use crate::handle::std_handles;
use crate::stream::{self, Received};
use crate::sys;

pub(crate) type Socket = socket2::Socket;
pub(crate) type TcpStream = std::net::TcpStream;
pub(crate) type TcpListener = std::net::TcpListener;
pub(crate) type UdpSocket = std::net::UdpSocket;

std_handles!(
    std::net::TcpStream,
    std::net::TcpListener,
    std::net::UdpSocket
);

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

/// Returns the sender of the next datagram.
#[inline]
pub(crate) fn peek_sender(socket: &UdpSocket) -> io::Result<SocketAddr> {
    let addr = SockRef::from(socket).peek_sender()?;
    addr.as_socket()
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}
/// Receives into memory that is not initialized, and returns the part that is then.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv<'a>(
    socket: &TcpStream,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<&'a mut [u8]> {
    let ((bytes, _), _) = rustix::net::recv(socket, space, RecvFlags::empty())?;
    Ok(bytes)
}

/// As [`recv`], for a datagram.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv_datagram<'a>(
    socket: &UdpSocket,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<&'a mut [u8]> {
    let ((bytes, _), _) = rustix::net::recv(socket, space, RecvFlags::empty())?;
    Ok(bytes)
}

/// As [`recv_datagram`], with the sender.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv_datagram_from<'a>(
    socket: &UdpSocket,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<(&'a mut [u8], SocketAddr)> {
    let ((bytes, _), _, from) = rustix::net::recvfrom(socket, space, RecvFlags::empty())?;
    let from = from.ok_or(io::ErrorKind::AddrNotAvailable)?.try_into()?;
    Ok((bytes, from))
}

impl stream::Socket for std::net::TcpStream {
    #[inline]
    fn read(&self, buf: &mut [u8]) -> io::Result<Received> {
        let mut this = self;
        let bytes = Read::read(&mut this, buf)?;
        Ok(Received { bytes, cut: false })
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Received> {
        let mut this = self;
        let bytes = Read::read_vectored(&mut this, bufs)?;
        Ok(Received { bytes, cut: false })
    }
}

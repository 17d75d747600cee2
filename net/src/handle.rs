//! The sockets that the types of this package wrap, and calls of the system that std lacks.

use std::io;
use std::mem::MaybeUninit;
use std::net::{self, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix;

use rustix::net::{RecvFlags, recvfrom};
use socket2::SockRef;
use wakeful_core::reactor::Async;

/// A socket of std or, with the feature `sim`, one that may be simulated.
pub(crate) trait Handle: AsFd + Sized {
    type Std;

    /// Wraps a nonblocking socket of std.
    fn of_std(socket: Self::Std) -> Self;

    /// Returns the socket of std, or an error if there is none.
    fn into_std(self) -> io::Result<Self::Std>;

    /// Registers the nonblocking socket with this thread's runtime.
    fn register(self) -> io::Result<Async<Self>>;
}

/// Implements [`Handle`] for types of std.
macro_rules! std_handles {
    ($($type:ty),*) => {$(
        impl Handle for $type {
            type Std = $type;

            #[inline]
            fn of_std(socket: $type) -> $type {
                socket
            }

            #[inline]
            fn into_std(self) -> io::Result<$type> {
                Ok(self)
            }

            #[inline]
            #[track_caller]
            fn register(self) -> io::Result<Async<$type>> {
                Async::new_nonblocking(self)
            }
        }
    )*};
}

std_handles!(
    net::TcpStream,
    net::TcpListener,
    net::UdpSocket,
    unix::net::UnixStream,
    unix::net::UnixListener,
    unix::net::UnixDatagram
);

/// Receives into memory that is not initialized, and returns the part that is then.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv(socket: impl AsFd, space: &mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]> {
    let ((bytes, _), _) = rustix::net::recv(socket, space, RecvFlags::empty())?;
    Ok(bytes)
}

/// As [`recv`], for a datagram, with its sender.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv_from(
    socket: impl AsFd,
    space: &mut [MaybeUninit<u8>],
) -> io::Result<(&mut [u8], SocketAddr)> {
    let ((bytes, _), _, from) = recvfrom(socket, space, RecvFlags::empty())?;
    let from = from.ok_or(io::ErrorKind::AddrNotAvailable)?.try_into()?;
    Ok((bytes, from))
}

/// Returns the sender of the next datagram.
pub(crate) fn peek_sender(socket: &net::UdpSocket) -> io::Result<SocketAddr> {
    let addr = SockRef::from(socket).peek_sender()?;
    addr.as_socket()
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

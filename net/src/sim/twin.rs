//! A socket of the system, or its simulated twin.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, RawFd};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{SockAddr, SockRef};
use wakeful_core::reactor::Async;

use super::{Endpoint, unsupported};
use crate::handle::{self, Handle};
use crate::stream::{Received, Socket};

/// A socket of the system, or a simulated one.
pub(crate) enum Twin<S> {
    Real(S),
    Simulated(Box<dyn Endpoint>),
}

/// Most bytes that a write of several buffers takes.
const MOST_WRITTEN: usize = 256 * 1024;

const NO_DESCRIPTOR: &str = "a simulated socket has no descriptor: options that \
     `wakeful::net` does not offer, and other crates that need the descriptor, are not simulated";

impl<S: AsFd> AsFd for Twin<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Twin::Real(socket) => socket.as_fd(),
            Twin::Simulated(_) => panic!("{NO_DESCRIPTOR}"),
        }
    }
}

impl<S: AsFd> AsRawFd for Twin<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl IntoRawFd for Twin<socket2::Socket> {
    fn into_raw_fd(self) -> RawFd {
        match self {
            Twin::Real(socket) => socket.into_raw_fd(),
            Twin::Simulated(_) => panic!("{NO_DESCRIPTOR}"),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Twin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Twin::Real(socket) => socket.fmt(f),
            Twin::Simulated(endpoint) => f
                .debug_struct("Simulated")
                .field("local", &endpoint.local_addr().ok())
                .field("peer", &endpoint.peer_addr().ok())
                .finish(),
        }
    }
}

impl<S: AsFd> Handle for Twin<S> {
    type Std = S;

    fn of_std(socket: S) -> Twin<S> {
        Twin::Real(socket)
    }

    fn into_std(self) -> io::Result<S> {
        match self {
            Twin::Real(socket) => Ok(socket),
            Twin::Simulated(_) => Err(unsupported("into_std")),
        }
    }

    #[track_caller]
    fn register(self) -> io::Result<Async<Twin<S>>> {
        match self {
            Twin::Real(_) => Async::new_nonblocking(self),
            Twin::Simulated(_) => {
                let (io, signal) = Async::simulated(self)?;
                if let Twin::Simulated(endpoint) = io.get_ref() {
                    endpoint.register(signal);
                }
                Ok(io)
            }
        }
    }
}

/// Evaluates an expression with the socket of the system or with the endpoint.
macro_rules! either {
    ($self:ident, $real:ident => $e:expr, $endpoint:ident => $f:expr) => {
        match $self {
            Twin::Real($real) => $e,
            Twin::Simulated($endpoint) => $f,
        }
    };
}

/// Addresses and errors, which all sockets of std have.
macro_rules! addresses {
    ($($type:ty),*) => {$(
        impl Twin<$type> {
            pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
                either!(self, real => real.local_addr(), endpoint => endpoint.local_addr())
            }

            pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
                either!(self, real => real.take_error(), endpoint => endpoint.take_error())
            }
        }
    )*};
}

addresses!(net::TcpStream, net::TcpListener, net::UdpSocket);

impl Twin<net::TcpStream> {
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        either!(self, real => real.peer_addr(), endpoint => endpoint.peer_addr())
    }
}

impl Write for &Twin<net::TcpStream> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        either!(self, real => Write::write(&mut &*real, buf), endpoint => endpoint.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let endpoint = match self {
            Twin::Real(real) => return Write::write_vectored(&mut &*real, bufs),
            Twin::Simulated(endpoint) => endpoint,
        };
        let mut all = Vec::new();
        for buf in bufs {
            let fits = buf.len().min(MOST_WRITTEN - all.len());
            all.extend_from_slice(&buf[..fits]);
        }
        endpoint.write(&all)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Twin<net::TcpStream> {
    fn read(&self, buf: &mut [u8]) -> io::Result<Received> {
        either!(self, real => Socket::read(real, buf), endpoint => {
            let bytes = endpoint.read(buf, false)?;
            Ok(Received { bytes, cut: false })
        })
    }

    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Received> {
        let endpoint = match self {
            Twin::Real(real) => return Socket::read_vectored(real, bufs),
            Twin::Simulated(endpoint) => endpoint,
        };
        let mut bytes = 0;
        for buf in bufs.iter_mut().filter(|buf| !buf.is_empty()) {
            match endpoint.read(buf, false) {
                Ok(n) => bytes += n,
                Err(error) if bytes == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(Received { bytes, cut: false })
    }

    fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, real => Socket::peek(real, buf), endpoint => endpoint.read(buf, true))
    }

    fn shutdown_now(&self, how: Shutdown) -> io::Result<()> {
        either!(self, real => real.shutdown_now(how), endpoint => endpoint.shutdown(how))
    }

    fn check_connected(&self) -> io::Result<()> {
        either!(self, real => real.check_connected(), endpoint => {
            if let Some(error) = endpoint.take_error()? {
                return Err(error);
            }
            endpoint.peer_addr().map(drop)
        })
    }
}

impl Twin<net::UdpSocket> {
    pub(crate) fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        either!(self, real => real.connect(addr), endpoint => endpoint.connect(addr))
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        either!(self, real => real.peer_addr(), endpoint => endpoint.peer_addr())
    }

    pub(crate) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        either!(self, real => real.send(buf), endpoint => endpoint.send(buf, None))
    }

    pub(crate) fn send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        either!(self, real => real.send_to(buf, to), endpoint => endpoint.send(buf, Some(to)))
    }

    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, real => real.recv(buf), endpoint => Ok(endpoint.receive(buf, false)?.0))
    }

    pub(crate) fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        either!(self, real => real.recv_from(buf), endpoint => endpoint.receive(buf, false))
    }

    pub(crate) fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, real => real.peek(buf), endpoint => Ok(endpoint.receive(buf, true)?.0))
    }

    pub(crate) fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        either!(self, real => real.peek_from(buf), endpoint => endpoint.receive(buf, true))
    }
}

/// Returns the sender of the next datagram.
pub(crate) fn peek_sender(socket: &Twin<net::UdpSocket>) -> io::Result<SocketAddr> {
    either!(socket, real => handle::peek_sender(real),
        endpoint => Ok(endpoint.receive(&mut [], true)?.1))
}

/// Initializes memory, for a simulated socket.
fn initialized(space: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    space.fill(MaybeUninit::new(0));
    // SAFETY: all of it was initialized just now, and both types have the same layout.
    unsafe { &mut *(std::ptr::from_mut(space) as *mut [u8]) }
}

/// Receives into memory that is not initialized, and returns the part that is then.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv<'a>(
    socket: &Twin<net::TcpStream>,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<&'a mut [u8]> {
    either!(socket, real => handle::recv(real, space), endpoint => {
        let space = initialized(space);
        let n = endpoint.read(space, false)?;
        Ok(&mut space[..n])
    })
}

/// Receives a datagram of a simulated socket.
fn receive<'a>(
    endpoint: &dyn Endpoint,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<(&'a mut [u8], SocketAddr)> {
    let space = initialized(space);
    let (n, from) = endpoint.receive(space, false)?;
    Ok((&mut space[..n], from))
}

/// As [`recv`], for a datagram.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv_datagram<'a>(
    socket: &Twin<net::UdpSocket>,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<&'a mut [u8]> {
    either!(socket, real => handle::recv(real, space),
        endpoint => Ok(receive(&**endpoint, space)?.0))
}

/// As [`recv_datagram`], with the sender.
#[allow(dead_code, reason = "for the feature `bytes`")]
pub(crate) fn recv_datagram_from<'a>(
    socket: &Twin<net::UdpSocket>,
    space: &'a mut [MaybeUninit<u8>],
) -> io::Result<(&'a mut [u8], SocketAddr)> {
    either!(socket, real => handle::recv_from(real, space),
        endpoint => receive(&**endpoint, space))
}

impl Twin<socket2::Socket> {
    pub(crate) fn bind(&self, addr: &SockAddr) -> io::Result<()> {
        either!(self, real => real.bind(addr), endpoint => endpoint.bind(inet(addr)?))
    }

    pub(crate) fn listen(&self, backlog: i32) -> io::Result<()> {
        either!(self, real => real.listen(backlog),
            endpoint => endpoint.listen(u32::try_from(backlog).unwrap_or(0)))
    }

    /// Begins to connect: `EINPROGRESS` until it is connected.
    pub(crate) fn connect(&self, addr: &SockAddr) -> io::Result<()> {
        either!(self, real => real.connect(addr), endpoint => {
            endpoint.connect(inet(addr)?).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => Errno::INPROGRESS.into(),
                _ => error,
            })
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SockAddr> {
        either!(self, real => real.local_addr(), endpoint => Ok(endpoint.local_addr()?.into()))
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        either!(self, real => real.take_error(), endpoint => endpoint.take_error())
    }
}

fn inet(addr: &SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket().ok_or_else(|| Errno::AFNOSUPPORT.into())
}

macro_rules! from_socket {
    ($($type:ty),*) => {$(
        impl From<Twin<socket2::Socket>> for Twin<$type> {
            fn from(socket: Twin<socket2::Socket>) -> Self {
                match socket {
                    Twin::Real(socket) => Twin::Real(socket.into()),
                    Twin::Simulated(endpoint) => Twin::Simulated(endpoint),
                }
            }
        }
    )*};
}

from_socket!(net::TcpStream, net::TcpListener, net::UdpSocket);

/// Accepts a connection, by `accept` if the listener is one of the system.
pub(crate) fn accept(
    listener: &Twin<net::TcpListener>,
    accept: impl FnOnce(&net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)>,
) -> io::Result<(Twin<net::TcpStream>, SocketAddr)> {
    match listener {
        Twin::Real(real) => {
            let (stream, addr) = accept(real)?;
            Ok((Twin::Real(stream), addr))
        }
        Twin::Simulated(endpoint) => {
            let (endpoint, addr) = endpoint.accept()?;
            Ok((Twin::Simulated(endpoint), addr))
        }
    }
}

/// A value of an option, as the simulation keeps it.
pub(crate) trait Value: Sized {
    fn to_number(self) -> u64;
    fn of_number(number: u64) -> Self;
}

impl Value for bool {
    fn to_number(self) -> u64 {
        u64::from(self)
    }

    fn of_number(number: u64) -> bool {
        number != 0
    }
}

impl Value for u32 {
    fn to_number(self) -> u64 {
        u64::from(self)
    }

    fn of_number(number: u64) -> u32 {
        number as u32
    }
}

/// In whole seconds, plus one; 0 is `None`.
impl Value for Option<Duration> {
    fn to_number(self) -> u64 {
        self.map_or(0, |duration| duration.as_secs() + 1)
    }

    fn of_number(number: u64) -> Option<Duration> {
        number.checked_sub(1).map(Duration::from_secs)
    }
}

/// Reads an option by `get`, or that of the simulated socket.
pub(crate) fn option<S: AsFd, T: Value>(
    socket: &Twin<S>,
    name: &'static str,
    get: impl FnOnce(SockRef<'_>) -> io::Result<T>,
) -> io::Result<T> {
    match socket {
        Twin::Real(real) => get(SockRef::from(real)),
        Twin::Simulated(endpoint) => endpoint.option(name).map(T::of_number),
    }
}

/// Sets an option by `set`, or that of the simulated socket. `name` is that of the method which
/// reads it.
pub(crate) fn set_option<S: AsFd, T: Value>(
    socket: &Twin<S>,
    name: &'static str,
    value: T,
    set: impl FnOnce(SockRef<'_>, T) -> io::Result<()>,
) -> io::Result<()> {
    match socket {
        Twin::Real(real) => set(SockRef::from(real), value),
        Twin::Simulated(endpoint) => endpoint.set_option(name, value.to_number()),
    }
}

/// Calls `f`, which only a socket of the system can do. `name` is that of the method.
pub(crate) fn not_simulated<S: AsFd, T>(
    socket: &Twin<S>,
    name: &'static str,
    f: impl FnOnce(SockRef<'_>) -> io::Result<T>,
) -> io::Result<T> {
    match socket {
        Twin::Real(real) => f(SockRef::from(real)),
        Twin::Simulated(_) => Err(unsupported(name)),
    }
}

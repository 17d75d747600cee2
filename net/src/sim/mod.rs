//! Sockets of simulated hosts, for the package `wakeful-sim`. Not a public interface: it may change
//! in every version.
//!
//! While a host is [entered](enter), new sockets are simulated: they have an [`Endpoint`] of the
//! simulation in place of a descriptor. Waiting for them is the same code as for real ones.

mod twin;

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use socket2::{Domain, Protocol, Type};
pub use wakeful_core::sim::{Readiness, Signal};

use crate::sys;
use twin::Twin;
#[allow(unused_imports, reason = "some are for the feature `bytes`")]
pub(crate) use twin::{
    accept, not_simulated, option, peek_sender, recv, recv_datagram, recv_datagram_from, set_option,
};

pub(crate) type Socket = Twin<socket2::Socket>;
pub(crate) type TcpStream = Twin<std::net::TcpStream>;
pub(crate) type TcpListener = Twin<std::net::TcpListener>;
pub(crate) type UdpSocket = Twin<std::net::UdpSocket>;

/// Kind of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// A host of the simulation.
pub trait Host {
    /// Creates a socket.
    ///
    /// # Errors
    ///
    /// If the host has crashed.
    fn socket(&self, kind: Kind, is_ipv6: bool) -> io::Result<Box<dyn Endpoint>>;

    /// Returns the addresses of a name.
    ///
    /// # Errors
    ///
    /// If there is no such name, or the host has crashed.
    fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// A simulated socket: what the system's calls do with it. Nothing waits: what would block returns
/// `WouldBlock`, and the [`Signal`] is raised when it is worth another try. Dropping it closes the
/// socket. All errors are those of the system's calls. A panic leaves it usable, as for other
/// sockets.
pub trait Endpoint: UnwindSafe + RefUnwindSafe {
    /// Sets the signal, when the socket is registered with the runtime of its host.
    fn register(&self, signal: Signal);
    /// Binds the socket. Port 0 chooses one.
    fn bind(&self, addr: SocketAddr) -> io::Result<()>;
    /// Listens.
    fn listen(&self, backlog: u32) -> io::Result<()>;
    /// Begins to connect: `WouldBlock` until it is connected. A datagram socket is at once.
    fn connect(&self, addr: SocketAddr) -> io::Result<()>;
    /// Takes the next connection.
    fn accept(&self) -> io::Result<(Box<dyn Endpoint>, SocketAddr)>;
    /// Reads bytes of a stream. `peek`: they stay there.
    fn read(&self, buf: &mut [u8], peek: bool) -> io::Result<usize>;
    /// Writes bytes to a stream.
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    /// Receives a datagram, and returns its length, cut to the buffer, and its sender.
    fn receive(&self, buf: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)>;
    /// Sends a datagram, to the connected address if there is none.
    fn send(&self, buf: &[u8], to: Option<SocketAddr>) -> io::Result<usize>;
    /// Shuts directions of a stream down.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    /// Takes the pending error.
    fn take_error(&self) -> io::Result<Option<io::Error>>;
    /// Returns the local address.
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// Returns the address of the peer.
    fn peer_addr(&self) -> io::Result<SocketAddr>;
    /// Returns an option, by the name of the method that reads it.
    fn option(&self, name: &'static str) -> io::Result<u64>;
    /// Sets an option.
    fn set_option(&self, name: &'static str, value: u64) -> io::Result<()>;
}

thread_local! {
    static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

/// Calls `f` inside of a host. Sockets that it makes are the host's.
pub fn enter<R>(host: Rc<dyn Host>, f: impl FnOnce() -> R) -> R {
    struct Leave(Option<Rc<dyn Host>>);
    impl Drop for Leave {
        fn drop(&mut self) {
            let outer = self.0.take();
            let inner = HOST.with(|host| host.replace(outer));
            drop(inner);
        }
    }
    let _leave = Leave(HOST.with(|it| it.replace(Some(host))));
    f()
}

fn host() -> Option<Rc<dyn Host>> {
    HOST.with(|host| host.borrow().clone())
}

/// Creates a nonblocking socket.
pub(crate) fn socket(domain: Domain, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let Some(host) = host() else {
        return sys::nonblocking(domain, kind, Some(protocol)).map(Twin::Real);
    };
    let is_stream = kind == Type::STREAM;
    let kind = if is_stream {
        Kind::Stream
    } else {
        Kind::Datagram
    };
    host.socket(kind, domain == Domain::IPV6)
        .map(Twin::Simulated)
}

/// Wraps a socket of the system.
pub(crate) fn of_system(socket: socket2::Socket) -> Socket {
    Twin::Real(socket)
}

/// Returns the addresses of a simulated host's name, on a simulated host.
pub(crate) fn lookup(name: &str) -> Option<io::Result<Vec<IpAddr>>> {
    host().map(|host| host.lookup(name))
}

/// Returns the error of a call that is not simulated.
fn unsupported(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("`{what}` of a simulated socket is not simulated"),
    )
}

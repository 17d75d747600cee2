//! UDP.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Type};
use wakeful::reactor::{Async, Interest};

use crate::addr::{self, ToSocketAddrs};
use crate::error::tried;

/// A UDP socket. The methods take `&self`, so several tasks may use one.
///
/// ```
/// use wakeful_net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let here = UdpSocket::bind("127.0.0.1:0").await?;
///     let there = UdpSocket::bind("127.0.0.1:0").await?;
///     here.send_to(b"ping", there.local_addr()?).await?;
///     let mut buf = [0; 16];
///     let (n, from) = there.recv_from(&mut buf).await?;
///     assert_eq!((&buf[..n], from), (&b"ping"[..], here.local_addr()?));
///     Ok(())
/// })
/// # }
/// ```
pub struct UdpSocket(Async<std::net::UdpSocket>);

macro_rules! options {
    ($($(#[$doc:meta])* $get:ident, $set:ident: $type:ty;)*) => {$(
        #[doc = concat!("What [`", stringify!($set), "`](Self::", stringify!($set), ") sets.")]
        ///
        /// # Errors
        ///
        /// Those of the system.
        pub fn $get(&self) -> io::Result<$type> {
            self.get_ref().$get()
        }

        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Those of the system.
        pub fn $set(&self, value: $type) -> io::Result<()> {
            self.get_ref().$set(value)
        }
    )*};
}

impl UdpSocket {
    /// A socket bound to an address; port 0 lets the system choose. Every address that the name has
    /// is tried until one works.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names; or that of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        addr::each(&addr, "bind to", |addr| async move {
            let domain = Domain::for_address(addr);
            let socket = crate::nonblocking(domain, Type::DGRAM, Some(Protocol::UDP))?;
            socket.bind(&addr.into())?;
            UdpSocket::new(socket.into())
        })
        .await
    }

    fn new(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        let io = Async::new_nonblocking(socket)?;
        io.source()
            .assume_ready(Interest::READABLE | Interest::WRITABLE);
        Ok(UdpSocket(io))
    }

    /// Sends to and receives from this address only, from now on. Nothing is sent by that.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names; or that of the lookup.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        addr::each(&addr, "connect to", |addr| async move {
            self.get_ref().connect(addr)
        })
        .await
    }

    /// Sends a datagram to the connected address.
    ///
    /// # Errors
    ///
    /// Those of the system; a datagram that is too large is refused with its size. On a connected
    /// socket an error may be that of an earlier datagram, such as `ConnectionRefused`.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was sent.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.write_with(|io| sized(io.send(buf), buf)).await
    }

    /// Receives a datagram from the connected address. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was received.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_with(|io| io.recv(buf)).await
    }

    /// Sends a datagram to the first address of `to`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and those of the lookup.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was sent.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], to: A) -> io::Result<usize> {
        let to = addr::resolve(&to).await?.first().copied().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "send_to: there is no address to send to",
            )
        })?;
        let sent = self
            .0
            .write_with(|io| sized(io.send_to(buf, to), buf))
            .await;
        sent.map_err(tried("send to", to))
    }

    /// Receives a datagram, and says from whom. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, nothing was received.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.read_with(|io| io.recv_from(buf)).await
    }

    /// Receives a datagram from the connected address without taking it away.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_with(|io| io.peek(buf)).await
    }

    /// Receives a datagram without taking it away, and says from whom.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.read_with(|io| io.peek_from(buf)).await
    }

    /// Sends now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room; else as [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write_with(|io| sized(io.send(buf), buf))
    }

    /// Sends now, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.try_write_with(|io| sized(io.send_to(buf, to), buf))
    }

    /// Receives now, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing; else as [`recv`](Self::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read_with(|io| io.recv(buf))
    }

    /// Receives now, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.try_read_with(|io| io.recv_from(buf))
    }

    /// Polls [`send`](Self::send); of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write_with(cx, |io| sized(io.send(buf), buf))
    }

    /// Polls for sending to an address; of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.0
            .poll_write_with(cx, |io| sized(io.send_to(buf, to), buf))
    }

    /// Polls [`recv`](Self::recv); of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read_with(cx, |io| io.recv(buf))
    }

    /// Polls [`recv_from`](Self::recv_from); of several tasks the newest is woken.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_read_with(cx, |io| io.recv_from(buf))
    }

    /// Waits until there is something to receive, as far as events tell.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Waits until there is room to send, as far as events tell.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Does an operation of your own on the socket, once, if it is ready as far as events tell.
    ///
    /// # Errors
    ///
    /// Those of `op`, and `WouldBlock`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        op: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.0.source().try_io(interest, op)
    }

    /// Does an operation of your own on the socket as soon as it gives anything but `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: when it is dropped, `op` has not succeeded.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        op: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.0.source().io(interest, op).await
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.get_ref().local_addr()
    }

    /// The address it is connected to.
    ///
    /// # Errors
    ///
    /// If it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.get_ref().peer_addr()
    }

    options! {
        /// Allows sending to a broadcast address.
        broadcast, set_broadcast: bool;
        /// Sets how many hops a packet may take.
        ttl, set_ttl: u32;
        /// Sets whether this machine receives what it sends to IPv4 groups it is in.
        multicast_loop_v4, set_multicast_loop_v4: bool;
        /// Sets how many hops packets to IPv4 groups may take.
        multicast_ttl_v4, set_multicast_ttl_v4: u32;
        /// Sets whether this machine receives what it sends to IPv6 groups it is in.
        multicast_loop_v6, set_multicast_loop_v6: bool;
    }

    /// Sets the interface, by its address, that packets to IPv4 groups leave through.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_multicast_if_v4(&self, interface: &Ipv4Addr) -> io::Result<()> {
        SockRef::from(self.get_ref()).set_multicast_if_v4(interface)
    }

    /// Joins an IPv4 group, on the interface with that address, or on one that the system chooses.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.get_ref().join_multicast_v4(&group, &interface)
    }

    /// Leaves an IPv4 group.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.get_ref().leave_multicast_v4(&group, &interface)
    }

    /// Joins an IPv6 group, on the interface with that number, or on any for 0.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.get_ref().join_multicast_v6(group, interface)
    }

    /// Leaves an IPv6 group.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.get_ref().leave_multicast_v6(group, interface)
    }

    /// The error that waits on the socket, which this takes away.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.get_ref().take_error()
    }

    /// Takes in a socket of std's, and makes it nonblocking.
    ///
    /// # Errors
    ///
    /// If it can't be registered.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        UdpSocket::new(socket)
    }

    /// Takes the socket off the reactor. It stays nonblocking.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        self.0.into_inner()
    }

    fn get_ref(&self) -> &std::net::UdpSocket {
        self.0.get_ref()
    }
}

/// Says how large a datagram was, if it was too large.
fn sized(sent: io::Result<usize>, buf: &[u8]) -> io::Result<usize> {
    sent.map_err(|error| {
        if crate::is(&error, Errno::MSGSIZE) {
            let what = format!("of {} bytes, which is more than fits", buf.len());
            return tried("send a datagram", what)(error);
        }
        error
    })
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

//! UDP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, Type};
use wakeful_core::reactor::{Async, Interest};

use crate::addr::{self, ToSocketAddrs};
use crate::datagram::{datagram_methods, sized};
use crate::error::tried;
use crate::{sim, sys};

/// UDP socket. The methods take `&self`, so several tasks may use one.
///
/// ```
/// use wakeful::net::UdpSocket;
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
pub struct UdpSocket(pub(crate) Async<sim::UdpSocket>);

impl UdpSocket {
    fn wrap(io: Async<sim::UdpSocket>) -> UdpSocket {
        UdpSocket(io)
    }
}

macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $get:ident, $set:ident: $type:ty => $inner:ident, $set_inner:ident;
    )*) => {$(
        #[doc = concat!("Returns the setting of [`", stringify!($set), "`].")]
        ///
        #[doc = concat!("[`", stringify!($set), "`]: Self::", stringify!($set))]
        ///
        /// # Errors
        ///
        /// Returns the error of the system.
        pub fn $get(&self) -> io::Result<$type> {
            sim::option(self.get_ref(), stringify!($get), |socket| socket.$inner())
        }

        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Returns the error of the system.
        pub fn $set(&self, value: $type) -> io::Result<()> {
            sim::set_option(self.get_ref(), stringify!($get), value, |socket, value| {
                socket.$set_inner(value)
            })
        }
    )*};
}

impl UdpSocket {
    /// Creates a socket bound to an address; port 0 lets the system choose. Every address that the
    /// name has is tried until one works.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, which it names, or the error of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, the socket is closed.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        addr::each(&addr, "bind to", |addr| async move {
            let domain = Domain::for_address(addr);
            let socket = sim::socket(domain, Type::DGRAM, Protocol::UDP)?;
            socket.bind(&addr.into())?;
            UdpSocket::new(socket.into())
        })
        .await
    }

    /// Makes the socket send to and receive from this address only. This sends nothing.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, which it names, or the error of the lookup.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: only the lookup can be interrupted, and nothing is connected before.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        addr::each(&addr, "connect to", |addr| async move {
            self.get_ref().connect(addr)
        })
        .await
    }

    /// Sends a datagram to the first address of `to`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), or the error of the lookup.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, nothing was sent.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], to: A) -> io::Result<usize> {
        let to = addr::resolve(&to).await?.first().ok_or_else(|| {
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

    /// Receives a datagram from the connected address without removing it from the queue.
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

    /// Receives a datagram without removing it from the queue, and returns its length and its
    /// sender.
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

    /// Tries to send a datagram to an address, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send).
    pub fn try_send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.try_write_with(|io| sized(io.send_to(buf, to), buf))
    }

    /// Tries to peek at a datagram, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read_with(|io| io.peek(buf))
    }

    /// Tries to peek at a datagram and its sender, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.try_read_with(|io| io.peek_from(buf))
    }

    /// Waits for a datagram, and returns its sender without removing it from the queue.
    ///
    /// ```
    /// use wakeful::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let here = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let there = UdpSocket::bind("127.0.0.1:0").await?;
    ///     here.send_to(b"ping", there.local_addr()?).await?;
    ///     assert_eq!(there.peek_sender().await?, here.local_addr()?);
    ///     assert_eq!(there.recv(&mut [0; 8]).await?, 4);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe.
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.0.read_with(sim::peek_sender).await
    }

    /// Tries to return the sender of the next datagram, without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.0.try_read_with(sim::peek_sender)
    }

    /// Polls [`peek_sender`](Self::peek_sender); if several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.0.poll_read_with(cx, sim::peek_sender)
    }

    /// Polls [`peek`](Self::peek); if several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read_with(cx, |io| io.peek(buf))
    }

    /// Polls [`peek_from`](Self::peek_from); if several tasks poll, only the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_read_with(cx, |io| io.peek_from(buf))
    }

    /// Polls for sending to an address; if several tasks poll, only the last one is woken.
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

    options! {
        /// Allows sending to a broadcast address.
        broadcast, set_broadcast: bool => broadcast, set_broadcast;
        /// Sets the maximum number of hops of a packet (`IP_TTL`).
        ttl, set_ttl: u32 => ttl_v4, set_ttl_v4;
        /// Sets whether this machine receives its own packets to IPv4 groups that it has joined.
        multicast_loop_v4, set_multicast_loop_v4: bool => multicast_loop_v4, set_multicast_loop_v4;
        /// Sets the maximum number of hops of packets to IPv4 groups.
        multicast_ttl_v4, set_multicast_ttl_v4: u32 => multicast_ttl_v4, set_multicast_ttl_v4;
        /// Sets whether this machine receives its own packets to IPv6 groups that it has joined.
        multicast_loop_v6, set_multicast_loop_v6: bool => multicast_loop_v6, set_multicast_loop_v6;
        /// Sets the type of service of IPv4 packets (`IP_TOS`).
        ///
        /// ```
        /// use wakeful::net::UdpSocket;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// wakeful::block_on(async {
        ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
        ///     socket.set_tos_v4(0x10)?; // low delay
        ///     assert_eq!(socket.tos_v4()?, 0x10);
        ///     Ok(())
        /// })
        /// # }
        /// ```
        tos_v4, set_tos_v4: u32 => tos_v4, set_tos_v4;
        /// Sets the traffic class of IPv6 packets (`IPV6_TCLASS`), 0 to 255.
        tclass_v6, set_tclass_v6: u32 => tclass_v6, set_tclass_v6;
    }

    /// Binds the socket to one network interface, by name; `None` removes the binding.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, which may require privileges; `Unsupported` on systems
    /// other than Linux.
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        sim::not_simulated(self.get_ref(), "bind_device", |socket| {
            sys::bind_device(socket, interface)
        })
    }

    /// Returns the network interface that was set by [`bind_device`](Self::bind_device).
    ///
    /// # Errors
    ///
    /// Returns the error of the system; `Unsupported` on systems other than Linux.
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        sim::not_simulated(self.get_ref(), "device", sys::device)
    }

    /// Sets the interface, by its address, for packets to IPv4 groups.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_multicast_if_v4(&self, interface: &Ipv4Addr) -> io::Result<()> {
        sim::not_simulated(self.get_ref(), "set_multicast_if_v4", |socket| {
            socket.set_multicast_if_v4(interface)
        })
    }

    /// Joins an IPv4 group, on the interface with that address, or on one that the system chooses.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        sim::not_simulated(self.get_ref(), "join_multicast_v4", |socket| {
            socket.join_multicast_v4(&group, &interface)
        })
    }

    /// Leaves an IPv4 group.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        sim::not_simulated(self.get_ref(), "leave_multicast_v4", |socket| {
            socket.leave_multicast_v4(&group, &interface)
        })
    }

    /// Joins an IPv6 group, on the interface with that number, or on any for 0.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        sim::not_simulated(self.get_ref(), "join_multicast_v6", |socket| {
            socket.join_multicast_v6(group, interface)
        })
    }

    /// Leaves an IPv6 group.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        sim::not_simulated(self.get_ref(), "leave_multicast_v6", |socket| {
            socket.leave_multicast_v6(group, interface)
        })
    }
}

datagram_methods!(UdpSocket, std::net::UdpSocket, sim::UdpSocket, SocketAddr);

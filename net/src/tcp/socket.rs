//! A TCP socket before it is a stream or a listener.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::error::tried;
use crate::socket;

/// A TCP socket whose options can be set before it connects or listens.
///
/// ```
/// use wakeful::net::TcpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuseport(true)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(128)?;
///     assert_ne!(listener.local_addr()?.port(), 0);
///     Ok(())
/// })
/// # }
/// ```
pub struct TcpSocket(pub(super) Socket);

macro_rules! options {
    ($($(#[$doc:meta])* $get:ident, $set:ident: $type:ty => $inner_get:ident, $inner_set:ident;)*) => {$(
        #[doc = concat!("What [`", stringify!($set), "`](Self::", stringify!($set), ") sets.")]
        ///
        /// # Errors
        ///
        /// Returns the error of the system.
        pub fn $get(&self) -> io::Result<$type> {
            self.0.$inner_get()
        }

        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Returns the error of the system.
        pub fn $set(&self, value: $type) -> io::Result<()> {
            self.0.$inner_set(value)
        }
    )*};
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    pub(super) fn for_addr(addr: SocketAddr) -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::for_address(addr))
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        socket::nonblocking(domain, Type::STREAM, Some(Protocol::TCP)).map(TcpSocket)
    }

    options! {
        /// Lets the address be bound although connections of an earlier socket linger on it.
        reuseaddr, set_reuseaddr: bool => reuse_address, set_reuse_address;
        /// Lets several sockets listen on one port; the system spreads connections among them.
        reuseport, set_reuseport: bool => reuse_port, set_reuse_port;
        /// Asks the other side now and then whether it is still there.
        keepalive, set_keepalive: bool => keepalive, set_keepalive;
        /// Sends small writes at once.
        nodelay, set_nodelay: bool => tcp_nodelay, set_tcp_nodelay;
        /// How long closing waits for data to be sent, in whole seconds; that blocks the thread.
        linger, set_linger: Option<Duration> => linger, set_linger;
    }

    /// Sets the size of the send buffer, in bytes. Linux doubles it.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.0.set_send_buffer_size(bytes as usize)
    }

    /// The size of the send buffer, in bytes.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.0.send_buffer_size().map(|bytes| bytes as u32)
    }

    /// Sets the size of the receive buffer, in bytes. Linux doubles it.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.0.set_recv_buffer_size(bytes as usize)
    }

    /// The size of the receive buffer, in bytes.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.0.recv_buffer_size().map(|bytes| bytes as u32)
    }

    /// Turns keepalive on, and says how often and how many times it asks.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_tcp_keepalive(&self, keepalive: &TcpKeepalive) -> io::Result<()> {
        self.0.set_tcp_keepalive(keepalive)
    }

    /// Uses one network interface only, by name; `None` takes that back.
    ///
    /// # Errors
    ///
    /// Returns the error of the system; some ask for privileges.
    #[cfg(target_os = "linux")]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.0.bind_device(interface)
    }

    /// The network interface that [`bind_device`](Self::bind_device) chose.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    #[cfg(target_os = "linux")]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.0.device()
    }

    /// Binds the socket to an address of this machine; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the address.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.bind_unnamed(addr).map_err(tried("bind to", addr))
    }

    pub(super) fn bind_unnamed(&self, addr: SocketAddr) -> io::Result<()> {
        self.0.bind(&addr.into())
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.0.local_addr()?;
        addr.as_socket()
            .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}

socket::descriptor_traits!(TcpSocket, |this| this.0);

//! TCP socket that is not yet a stream or a listener.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, IntoRawFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::error::tried;
use crate::{sim, socket, sys};

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
pub struct TcpSocket(pub(super) sim::Socket);

macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $get:ident, $set:ident: $type:ty => $inner_get:ident, $inner_set:ident;
    )*) => {$(
        #[doc = concat!("Returns the setting of [`", stringify!($set), "`].")]
        ///
        #[doc = concat!("[`", stringify!($set), "`]: Self::", stringify!($set))]
        ///
        /// # Errors
        ///
        /// Returns the error of the system.
        pub fn $get(&self) -> io::Result<$type> {
            sim::option(&self.0, stringify!($get), |socket| socket.$inner_get())
        }

        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Returns the error of the system.
        pub fn $set(&self, value: $type) -> io::Result<()> {
            sim::set_option(&self.0, stringify!($get), value, |socket, value| {
                socket.$inner_set(value)
            })
        }
    )*};
}

impl TcpSocket {
    /// Creates a socket for IPv4.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// Creates a socket for IPv6.
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
        sim::socket(domain, Type::STREAM, Protocol::TCP).map(TcpSocket)
    }

    options! {
        /// Sets `SO_REUSEADDR`: the address can be bound while connections of an earlier socket are
        /// in TIME_WAIT.
        reuseaddr, set_reuseaddr: bool => reuse_address, set_reuse_address;
        /// Sets `SO_REUSEPORT`: several sockets can listen on one port, and the system distributes
        /// connections among them.
        reuseport, set_reuseport: bool => reuse_port, set_reuse_port;
        /// Sets `SO_KEEPALIVE`: the system probes idle connections.
        keepalive, set_keepalive: bool => keepalive, set_keepalive;
        /// Sets `TCP_NODELAY`: small writes are sent at once.
        nodelay, set_nodelay: bool => tcp_nodelay, set_tcp_nodelay;
        /// Sets `SO_LINGER`: how long closing waits for data to be sent, in whole seconds; the wait
        /// blocks the thread.
        linger, set_linger: Option<Duration> => linger, set_linger;
        /// Sets the type of service of IPv4 packets (`IP_TOS`).
        tos_v4, set_tos_v4: u32 => tos_v4, set_tos_v4;
        /// Sets the traffic class of IPv6 packets (`IPV6_TCLASS`), 0 to 255.
        ///
        /// ```
        /// use wakeful::net::TcpSocket;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let socket = TcpSocket::new_v4()?;
        /// socket.set_tos_v4(0x10)?; // low delay
        /// assert_eq!(socket.tos_v4()?, 0x10);
        /// # Ok(())
        /// # }
        /// ```
        tclass_v6, set_tclass_v6: u32 => tclass_v6, set_tclass_v6;
    }

    /// Sets that closing resets the connection: see
    /// [`TcpStream::set_zero_linger`](crate::TcpStream::set_zero_linger).
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Returns the pending error of the socket, and clears it.
    ///
    /// # Errors
    ///
    /// Returns an error if the system can't report it.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }

    /// Wraps a socket of std that is neither connected nor listening, and makes it nonblocking. So
    /// options can be set that only another package offers.
    ///
    /// ```
    /// use socket2::{Domain, Socket, Type};
    /// use wakeful::net::TcpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    ///     socket.set_mark(0).ok();
    ///     let socket = TcpSocket::from_std_stream(socket.into());
    ///     socket.bind("127.0.0.1:0".parse().unwrap())?;
    ///     socket.listen(16)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn from_std_stream(stream: std::net::TcpStream) -> TcpSocket {
        let socket = Socket::from(stream);
        // This fails only if foreign code has closed the descriptor.
        let _ = socket.set_nonblocking(true);
        TcpSocket(sim::of_system(socket))
    }

    /// Sets the size of the send buffer, in bytes. Linux doubles it.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
        sim::set_option(&self.0, "send_buffer_size", bytes, |socket, bytes| {
            socket.set_send_buffer_size(bytes as usize)
        })
    }

    /// Returns the size of the send buffer, in bytes.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        sim::option(&self.0, "send_buffer_size", |socket| {
            socket.send_buffer_size().map(|bytes| bytes as u32)
        })
    }

    /// Sets the size of the receive buffer, in bytes. Linux doubles it.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
        sim::set_option(&self.0, "recv_buffer_size", bytes, |socket, bytes| {
            socket.set_recv_buffer_size(bytes as usize)
        })
    }

    /// Returns the size of the receive buffer, in bytes.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        sim::option(&self.0, "recv_buffer_size", |socket| {
            socket.recv_buffer_size().map(|bytes| bytes as u32)
        })
    }

    /// Turns keepalive on, and sets its idle time, interval and number of probes.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn set_tcp_keepalive(&self, keepalive: &TcpKeepalive) -> io::Result<()> {
        sim::not_simulated(&self.0, "set_tcp_keepalive", |socket| {
            socket.set_tcp_keepalive(keepalive)
        })
    }

    /// Binds the socket to one network interface, by name; `None` removes the binding.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, which may require privileges; `Unsupported` on systems
    /// other than Linux.
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        sim::not_simulated(&self.0, "bind_device", |socket| {
            sys::bind_device(socket, interface)
        })
    }

    /// Returns the network interface that was set by [`bind_device`](Self::bind_device).
    ///
    /// # Errors
    ///
    /// Returns the error of the system; `Unsupported` on systems other than Linux.
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        sim::not_simulated(&self.0, "device", sys::device)
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

    /// Returns the local address.
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

impl FromRawFd for TcpSocket {
    /// Wraps a descriptor, which must be a nonblocking TCP socket.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpSocket {
        // SAFETY: the caller keeps the contract of this function, which is the same.
        TcpSocket(sim::of_system(unsafe { Socket::from_raw_fd(fd) }))
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.0.into_raw_fd()
    }
}

socket::descriptor_traits!(TcpSocket, |this| this.0);

//! Sockets that are not connected yet.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::{TcpListener, TcpStream, UnixDatagram, UnixListener, UnixStream, adapter};

/// TCP socket that is neither connected nor listening. It has the other methods of Wakeful's
/// [`TcpSocket`](wakeful::net::TcpSocket) through `Deref`.
pub struct TcpSocket(wakeful::net::TcpSocket);

adapter!(TcpSocket, wakeful::net::TcpSocket);

impl TcpSocket {
    /// Makes a socket for IPv4.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn new_v4() -> io::Result<TcpSocket> {
        wakeful::net::TcpSocket::new_v4().map(TcpSocket)
    }

    /// Makes a socket for IPv6.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn new_v6() -> io::Result<TcpSocket> {
        wakeful::net::TcpSocket::new_v6().map(TcpSocket)
    }

    /// Wraps a socket of std that is neither connected nor listening.
    pub fn from_std_stream(stream: std::net::TcpStream) -> TcpSocket {
        TcpSocket(wakeful::net::TcpSocket::from_std_stream(stream))
    }

    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        self.0.connect(addr).await.map(TcpStream)
    }

    /// Starts to listen; at most `backlog` connections wait to be accepted.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.0.listen(backlog).map(TcpListener)
    }
}

/// Unix domain socket that is neither connected nor listening. It has the other methods of
/// Wakeful's [`UnixSocket`](wakeful::net::UnixSocket) through `Deref`.
pub struct UnixSocket(wakeful::net::UnixSocket);

adapter!(UnixSocket, wakeful::net::UnixSocket);

impl UnixSocket {
    /// Makes a socket for datagrams.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn new_datagram() -> io::Result<UnixSocket> {
        wakeful::net::UnixSocket::new_datagram().map(UnixSocket)
    }

    /// Makes a socket for a stream.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn new_stream() -> io::Result<UnixSocket> {
        wakeful::net::UnixSocket::new_stream().map(UnixSocket)
    }

    /// Starts to listen; at most `backlog` connections wait to be accepted.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.0.listen(backlog).map(UnixListener)
    }

    /// Connects to the socket of a path.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        self.0.connect(path).await.map(UnixStream)
    }

    /// Makes it a socket for datagrams.
    ///
    /// # Errors
    ///
    /// Returns an error if it is a socket for a stream.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.0.datagram().map(UnixDatagram)
    }
}

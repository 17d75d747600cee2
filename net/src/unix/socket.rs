//! Unix domain socket that is not yet a stream, a listener or a datagram socket.

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::net::SocketType;

use super::addr::{named, raw_addr, socket};
use super::datagram::UnixDatagram;
use super::listener::UnixListener;
use super::stream::UnixStream;
use crate::error::tried;
use crate::socket::descriptor_traits;

/// A Unix domain socket that can be bound before it connects or listens.
///
/// ```
/// use wakeful::net::UnixSocket;
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-socket-{}", std::process::id()));
/// wakeful::block_on(async {
///     let socket = UnixSocket::new_stream()?;
///     socket.bind(&path)?;
///     let listener = socket.listen(16)?;
///     let client = UnixSocket::new_stream()?.connect(&path).await?;
///     let (server, _) = listener.accept().await?;
///     client.write_all(b"hello").await?;
///     server.read_exact(&mut [0; 5]).await?;
///     std::fs::remove_file(&path)
/// })
/// # }
/// ```
pub struct UnixSocket(OwnedFd);

impl UnixSocket {
    /// Creates a socket for datagrams.
    ///
    /// ```
    /// use wakeful::net::UnixSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     let socket = UnixSocket::new_datagram()?.datagram()?;
    ///     assert!(socket.local_addr()?.is_unnamed());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    pub fn new_datagram() -> io::Result<UnixSocket> {
        socket(SocketType::DGRAM).map(UnixSocket)
    }

    /// Creates a socket for connections.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    pub fn new_stream() -> io::Result<UnixSocket> {
        socket(SocketType::STREAM).map(UnixSocket)
    }

    /// Binds the socket to a path, which must not exist yet. As in std, the empty path lets Linux
    /// choose a unique abstract name; a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path.
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let addr = raw_addr(&named(path)?)?;
        rustix::net::bind(&self.0, &addr)
            .map_err(|errno| tried("bind to", path.display())(errno.into()))
    }

    /// Starts to listen; at most `backlog` connections wait to be accepted.
    ///
    /// # Errors
    ///
    /// `Other` if it is a datagram socket; otherwise the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.check(SocketType::STREAM, "listen on")?;
        rustix::net::listen(&self.0, i32::try_from(backlog).unwrap_or(i32::MAX))?;
        UnixListener::new(self.0.into())
    }

    /// Connects to the socket at a path.
    ///
    /// # Errors
    ///
    /// `Other` if it is a datagram socket; otherwise the error of the system, with the path.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, the socket is closed.
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        self.check(SocketType::STREAM, "connect")?;
        let path = path.as_ref();
        let connected = UnixStream::connect_socket(self.0, &named(path)?).await;
        connected.map_err(tried("connect to", path.display()))
    }

    /// Registers a socket for datagrams.
    ///
    /// # Errors
    ///
    /// `Other` if it is a stream socket; otherwise an error if the reactor can't register it.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.check(SocketType::DGRAM, "exchange datagrams through")?;
        UnixDatagram::new(self.0.into())
    }

    fn check(&self, wanted: SocketType, what: &str) -> io::Result<()> {
        if rustix::net::sockopt::socket_type(&self.0)? == wanted {
            return Ok(());
        }
        let (is, make) = match wanted == SocketType::STREAM {
            true => ("a datagram", "new_stream"),
            false => ("a stream", "new_datagram"),
        };
        Err(io::Error::other(format!(
            "can't {what} {is} socket: make it by `UnixSocket::{make}`"
        )))
    }
}

impl FromRawFd for UnixSocket {
    /// Wraps a descriptor, which must be a nonblocking Unix domain socket.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixSocket {
        // SAFETY: the caller keeps the contract of this function, which is the same.
        UnixSocket(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl IntoRawFd for UnixSocket {
    fn into_raw_fd(self) -> RawFd {
        self.0.into_raw_fd()
    }
}

impl From<UnixSocket> for OwnedFd {
    fn from(socket: UnixSocket) -> OwnedFd {
        socket.0
    }
}

descriptor_traits!(UnixSocket, |this| this.0);

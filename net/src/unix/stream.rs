//! Unix domain connection.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, SocketType, recvmsg};
use wakeful_core::reactor::Interest;

use super::addr::{SocketAddr, named, raw_addr, socket};
use super::cred::{UCred, of_peer};
use crate::error::tried;
use crate::halves::halves;
use crate::stream::{Received, Socket, Stream, stream_methods};

/// Maximum number of buffers that recvmsg(2) accepts.
const IOV_MAX: usize = 1024;

/// Unix domain connection.
///
/// The methods take `&self`; the `futures-io` traits are implemented for `UnixStream` and
/// `&UnixStream`. Their `close` shuts the writing direction down. tokio's traits are implemented
/// with the feature `tokio-io`.
///
/// ```
/// use wakeful::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let (here, there) = UnixStream::pair()?;
///     here.write(b"hello").await?;
///     let mut buf = [0; 16];
///     assert_eq!(there.read(&mut buf).await?, 5);
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixStream(pub(crate) Stream<net::UnixStream>);

stream_methods!(UnixStream, net::UnixStream, net::UnixStream);
halves!(UnixStream);

impl UnixStream {
    /// Connects to the socket at a path. On Linux a path that begins with a zero byte is an
    /// abstract name.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, the socket is closed.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        let path = path.as_ref();
        let connected = UnixStream::connect_addr(&named(path)?).await;
        connected.map_err(tried("connect to", path.display()))
    }

    /// Connects to an address, such as an abstract one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: if the future is dropped, the socket is closed.
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::connect_socket(socket(SocketType::STREAM)?, addr).await
    }

    /// Connects a nonblocking socket.
    pub(super) async fn connect_socket(
        socket: OwnedFd,
        addr: &SocketAddr,
    ) -> io::Result<UnixStream> {
        let addr = &raw_addr(addr)?;
        match rustix::net::connect(&socket, addr) {
            Ok(()) => Ok(UnixStream(Stream::new(socket.into())?)),
            Err(Errno::INPROGRESS) => Ok(UnixStream(Stream::connected(socket.into()).await?)),
            // The queue of the listener is full. Linux fails at once and sends no event later, so
            // this tries again every millisecond.
            Err(Errno::AGAIN) => loop {
                wakeful_core::time::sleep(std::time::Duration::from_millis(1)).await;
                match rustix::net::connect(&socket, addr) {
                    Ok(()) => return Ok(UnixStream(Stream::new(socket.into())?)),
                    Err(Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Creates two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// Returns the error of the system if it provides no descriptor.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (here, there) = net::UnixStream::pair()?;
        Ok((UnixStream::from_std(here)?, UnixStream::from_std(there)?))
    }

    /// Returns the address of the peer, which is usually unnamed.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }

    /// Returns the local address.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    /// Returns the credentials of the peer.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        of_peer(self.0.get_ref().as_fd())
    }
}

impl Socket for net::UnixStream {
    fn read(&self, buf: &mut [u8]) -> io::Result<Received> {
        self.read_vectored(&mut [IoSliceMut::new(buf)])
    }

    /// Reads into several buffers. A read ends where descriptors were attached. They are dropped
    /// here; the flag `MSG_CTRUNC` is the only sign that more bytes may follow.
    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Received> {
        let most = bufs.len().min(IOV_MAX);
        let mut none = RecvAncillaryBuffer::default();
        let message = recvmsg(self, &mut bufs[..most], &mut none, RecvFlags::empty())?;
        Ok(Received {
            bytes: message.bytes,
            cut: message.flags.contains(ReturnFlags::CTRUNC),
        })
    }
}

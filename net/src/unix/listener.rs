//! Listener for Unix domain connections.

use std::io;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use rustix::net::SocketType;

use super::addr::{SocketAddr, named, raw_addr, socket};
use super::stream::UnixStream;
use crate::accept::{Acceptor, listener_methods};
use crate::error::tried;
use crate::stream::Stream;
use crate::sys::accept_nonblocking;

type Accepted = (net::UnixStream, SocketAddr);

/// Length of an unnamed address, in bytes: only the family.
const UNNAMED: usize = 2;

/// Unix domain socket that accepts connections.
///
/// When descriptors run out it waits and tries again, as [`TcpListener`](crate::TcpListener) does.
/// Dropping it does not remove the file at its path.
///
/// ```no_run
/// use wakeful::net::UnixListener;
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = UnixListener::bind("/tmp/example.socket")?;
/// let (stream, _) = listener.accept().await?;
/// stream.write(b"hello").await?;
/// # Ok(())
/// # }
/// ```
pub struct UnixListener(Acceptor<net::UnixListener>);

impl UnixListener {
    /// Listens at a path, which must not exist yet. As in std, the empty path lets Linux choose a
    /// unique abstract name; a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        let path = path.as_ref();
        let addr = named(path)?;
        UnixListener::bind_addr(&addr).map_err(tried("listen on", path.display()))
    }

    /// Listens at an address, such as an abstract one. Without a name it lets Linux choose one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        let socket = socket(SocketType::STREAM)?;
        rustix::net::bind(&socket, &raw_addr(addr)?)?;
        rustix::net::listen(&socket, 1024)?;
        UnixListener::new(socket.into())
    }
}

listener_methods!(
    UnixListener,
    net::UnixListener,
    net::UnixListener,
    UnixStream,
    SocketAddr
);

fn accept(listener: &net::UnixListener) -> io::Result<Accepted> {
    let (socket, addr) = accept_nonblocking(listener)?;
    let stream = net::UnixStream::from(socket);
    // Clients rarely have a name. A named client costs one more system call: std asks for the name
    // again, as it supports every name that the system allows.
    let named = addr.is_some_and(|addr| addr.addr_len() as usize > UNNAMED);
    // In std the empty path gives an unnamed address.
    let unnamed = || SocketAddr::from_pathname("");
    let addr = match named {
        true => stream.peer_addr().or_else(|_| unnamed())?,
        false => unnamed()?,
    };
    Ok((stream, addr))
}

fn register((stream, addr): Accepted) -> io::Result<(UnixStream, SocketAddr)> {
    Ok((UnixStream(Stream::accepted(stream)?), addr))
}

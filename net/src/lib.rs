//! Sockets for the [wakeful](https://docs.rs/wakeful) runtime: TCP, UDP and Unix domain.
//!
//! The names and meanings are those of tokio's `net`, and the I/O traits are those of `futures-io`.
//! Reading and writing take `&self`, so two tasks may use one socket without splitting it. By the methods of
//! sockets any number may wait at a time; through the traits for `&TcpStream` and the like, and through
//! methods that begin with `poll_`, one a direction, as only the newest is woken.
//!
//! Where a socket's own method has the name of a trait's, the method is what a call means:
//! `stream.shutdown(how)` ends a direction now, as in std, and the trait's is
//! `AsyncWriteExt::shutdown(&mut stream)` of tokio or `close` of futures; `stream.split()` of futures takes the
//! stream, so where its `AsyncReadExt` is in scope write `TcpStream::split(&mut stream)`.
//!
//! ```
//! use wakeful_net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! wakeful::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     let server = wakeful::spawn(async move {
//!         let (stream, _) = listener.accept().await?;
//!         stream.write(b"hello").await
//!     });
//!     let stream = TcpStream::connect(addr).await?;
//!     let mut buf = [0; 5];
//!     let n = stream.read(&mut buf).await?;
//!     assert_eq!(&buf[..n], b"hello");
//!     server.await.unwrap()?;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! [`shard`] takes connections in on several [shards](wakeful::shard).
//!
//! A socket belongs to the runtime that it was made in, and to its thread. Making one outside of a
//! runtime panics. Once the runtime has been dropped, waiting for a socket is an error.
//!
//! Errors of binding and connecting say what was tried, and with which address. Their kind is the system's;
//! their number is behind [`wakeful::raw_os_error`].
//!
//! # Feature flags
//!
//! | feature | default | |
//! | --- | --- | --- |
//! | `tokio-io` | no | `tokio::io::AsyncRead` and `AsyncWrite` for streams, their halves and pipes; of tokio only the traits are compiled |
//!
//! With `tokio-io`, code that has the `AsyncReadExt` of both `tokio` and `futures_util` in scope has to say
//! which it means.
#![warn(missing_debug_implementations)]

mod accept;
mod addr;
mod connect;
mod datagram;
mod error;
mod halves;
pub mod shard;
mod socket;
mod stream;
pub mod tcp;
#[cfg(feature = "tokio-io")]
mod tokio_io;
mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use socket2::TcpKeepalive;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
pub use wakeful::reactor::Interest;

use std::io;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// A new nonblocking socket: one syscall on Linux.
fn nonblocking(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    #[cfg(target_os = "linux")]
    return Socket::new(domain, kind.nonblocking(), protocol);
    #[cfg(not(target_os = "linux"))]
    {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Is this the system's error of that number?
fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

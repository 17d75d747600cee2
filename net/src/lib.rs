//! Sockets for the runtime [wakeful](https://docs.rs/wakeful): TCP, UDP and Unix domain.
//!
//! Programs use this package as `wakeful::net`. Names and semantics follow tokio's `net`. The I/O
//! traits are those of `futures-io` and, with the feature `tokio-io`, of tokio.
//!
//! ```
//! use wakeful::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! wakeful::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     let server = wakeful::spawn(async move {
//!         let (stream, _) = listener.accept().await?;
//!         stream.write_all(b"hello").await
//!     });
//!     let stream = TcpStream::connect(addr).await?;
//!     let mut buf = [0; 5];
//!     stream.read_exact(&mut buf).await?;
//!     assert_eq!(&buf, b"hello");
//!     server.await.unwrap()?;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! | type | what it is |
//! | --- | --- |
//! | [`TcpListener`], [`TcpStream`], [`TcpSocket`] | TCP; the last sets options before binding or connecting |
//! | [`UdpSocket`] | UDP |
//! | [`UnixListener`], [`UnixStream`], [`UnixDatagram`], [`UnixSocket`] | Unix domain sockets; the last is bound before it connects or listens |
//! | [`unix::pipe`] | pipes and named pipes |
//! | [`shard`] | accepts connections for several shards |
//! | [`lookup_host`] | name lookup, on the blocking pool |
//!
//! # Waiting for one socket in several tasks
//!
//! `read`, `write`, `read_exact` and `write_all` take `&self`, so two tasks may use one socket
//! without splitting it. Any number of tasks may wait in these methods at the same time. The traits
//! and the methods that begin with `poll_` keep one waker for each direction: only the task that
//! polled last is woken.
//!
//! # Methods and traits of the same name
//!
//! Sockets have `read`, `write`, `read_exact` and `write_all` themselves, so these need no trait in
//! scope. The extension traits of `futures_util` and tokio add the other methods, such as
//! `read_to_end`. Where a socket's own method has the name of a trait's method, a call on the
//! socket or on a shared reference to it means the socket's own; a call on `&mut TcpStream` or on a
//! half means the trait's if that is in scope.
//!
//! - tokio's `read_exact` returns the length, the socket's returns `()`.
//! - tokio's `stream.shutdown().await` is `stream.shutdown(Shutdown::Write)`, without `.await`. The
//!   method of the trait is `AsyncWriteExt::shutdown(&mut stream)`.
//! - The `split` of futures takes the stream by value; where its `AsyncReadExt` is in scope, write
//!   `TcpStream::split(&mut stream)` for the socket's.
//! - Code that imports the `AsyncReadExt` of both `tokio` and `futures_util` has to name the one it
//!   means.
//!
//! # Sockets and runtimes
//!
//! A socket belongs to the runtime in which it was created, and to its thread. Creating one outside
//! a runtime panics. After the runtime has been dropped, waiting for a socket returns an error.
//!
//! Errors of binding and connecting name the operation and the address. Their kind is that of the
//! system's error, whose number is returned by `wakeful::raw_os_error`.
//!
//! # Feature flags
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `bytes` | no | `try_read_buf`, `recv_buf` and the like, which read into a `bytes::BufMut` |
//! | `tokio-io` | no | `tokio::io::AsyncRead` and `AsyncWrite` for streams, their halves and pipes; of tokio only the traits are compiled |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod accept;
mod addr;
#[cfg(feature = "bytes")]
mod bytes_buf;
mod connect;
mod datagram;
mod error;
mod exact;
mod halves;
mod handle;
mod io_traits;
pub mod shard;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;
#[cfg(not(feature = "sim"))]
#[path = "sim/noop.rs"]
mod sim;
mod socket;
mod stream;
mod sys;
pub mod tcp;
#[cfg(feature = "tokio-io")]
mod tokio_io;
mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use socket2::TcpKeepalive;
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
pub use wakeful_core::reactor::{Interest, Ready};

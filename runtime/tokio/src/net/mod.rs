//! Sockets, at tokio's paths.
//!
//! The types are adapters around those of [`wakeful::net`], which have the other methods through
//! `Deref`. The adapters have what differs: `stream.shutdown().await` and `read_exact` are those of
//! tokio's traits, and the methods that begin with `poll_` take a `ReadBuf`.

mod datagram;
mod listener;
mod socket;
mod stream;

pub use datagram::{UdpSocket, UnixDatagram};
pub use listener::{TcpListener, UnixListener};
pub use socket::{TcpSocket, UnixSocket};
pub use stream::{TcpStream, UnixStream};
pub use wakeful::net::{ToSocketAddrs, lookup_host};

/// Halves of a TCP stream.
pub mod tcp {
    pub use super::stream::tcp::{
        OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf,
    };
}

/// Halves of a Unix stream, pipes, credentials.
pub mod unix {
    pub use super::stream::unix::{
        OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf,
    };
    pub use wakeful::net::unix::{SocketAddr, UCred, gid_t, pid_t, pipe, uid_t};
}

/// What all adapters have: the way to Wakeful's type, descriptors, `Debug`.
macro_rules! adapter {
    ($type:ident, $ours:ty) => {
        impl std::ops::Deref for $type {
            type Target = $ours;

            fn deref(&self) -> &$ours {
                &self.0
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.0.as_raw_fd()
            }
        }
    };
    ($type:ident, $ours:ty, $std:ty) => {
        crate::net::adapter!($type, $ours);

        impl $type {
            /// Wraps a socket of std, and makes it nonblocking.
            ///
            /// # Errors
            ///
            /// Returns an error if the reactor can't register it.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            #[track_caller]
            pub fn from_std(socket: $std) -> std::io::Result<$type> {
                <$ours>::from_std(socket).map($type)
            }

            /// Removes the socket from the reactor. It stays nonblocking.
            ///
            /// # Errors
            ///
            /// Returns no error at present.
            pub fn into_std(self) -> std::io::Result<$std> {
                self.0.into_std()
            }
        }

        impl TryFrom<$std> for $type {
            type Error = std::io::Error;

            fn try_from(socket: $std) -> std::io::Result<$type> {
                $type::from_std(socket)
            }
        }
    };
}

/// Polls a receive operation with the unfilled part of a buffer, and fills it.
fn fill(
    buf: &mut tokio::io::ReadBuf<'_>,
    poll: impl FnOnce(&mut [u8]) -> std::task::Poll<std::io::Result<usize>>,
) -> std::task::Poll<std::io::Result<usize>> {
    let poll = poll(buf.initialize_unfilled());
    if let std::task::Poll::Ready(Ok(count)) = &poll {
        buf.advance(*count);
    }
    poll
}

use adapter;

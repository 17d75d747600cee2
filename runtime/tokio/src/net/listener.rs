//! Listeners.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use wakeful::net::ToSocketAddrs;

use super::{TcpStream, UnixStream, adapter};

/// Listening TCP socket. It has the other methods of Wakeful's
/// [`TcpListener`](wakeful::net::TcpListener) through `Deref`.
pub struct TcpListener(pub(super) wakeful::net::TcpListener);

/// Listening Unix domain socket. It has the other methods of Wakeful's
/// [`UnixListener`](wakeful::net::UnixListener) through `Deref`.
pub struct UnixListener(pub(super) wakeful::net::UnixListener);

impl TcpListener {
    /// Listens on an address. Port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Returns the error of the last address, or of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        wakeful::net::TcpListener::bind(addr).await.map(TcpListener)
    }
}

impl UnixListener {
    /// Listens on a path.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        wakeful::net::UnixListener::bind(path).map(UnixListener)
    }
}

macro_rules! listener {
    ($type:ident, $ours:ty, $std:ty, $stream:ident, $addr:ty) => {
        adapter!($type, $ours, $std);

        impl $type {
            /// Accepts the next connection.
            ///
            /// # Errors
            ///
            /// Returns an error if waiting would not help. Errors that pass, such as that the
            /// process has no descriptor left, are waited out, unlike in tokio.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: no connection is lost.
            pub async fn accept(&self) -> io::Result<($stream, $addr)> {
                let (stream, addr) = self.0.accept().await?;
                Ok(($stream(stream), addr))
            }

            /// Polls [`accept`](Self::accept). Only the task that polled last is woken.
            ///
            /// # Errors
            ///
            /// As [`accept`](Self::accept).
            pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<($stream, $addr)>> {
                self.0
                    .poll_accept(cx)
                    .map_ok(|(stream, addr)| ($stream(stream), addr))
            }
        }
    };
}

listener!(
    TcpListener,
    wakeful::net::TcpListener,
    std::net::TcpListener,
    TcpStream,
    SocketAddr
);
listener!(
    UnixListener,
    wakeful::net::UnixListener,
    std::os::unix::net::UnixListener,
    UnixStream,
    std::os::unix::net::SocketAddr
);

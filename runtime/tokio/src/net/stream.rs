//! Streams and their halves.

use std::io::{self, IoSlice};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wakeful::net::ToSocketAddrs;

use super::{adapter, fill};

/// TCP connection, with tokio's traits.
///
/// It has the other methods of Wakeful's [`TcpStream`](wakeful::net::TcpStream) through `Deref`.
/// Unlike tokio's it belongs to one thread.
pub struct TcpStream(pub(super) wakeful::net::TcpStream);

/// Unix domain connection, with tokio's traits.
///
/// It has the other methods of Wakeful's [`UnixStream`](wakeful::net::UnixStream) through `Deref`.
/// Unlike tokio's it belongs to one thread.
pub struct UnixStream(pub(super) wakeful::net::UnixStream);

impl TcpStream {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    ///
    /// Returns the error of the attempt that failed last, or of the lookup.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        wakeful::net::TcpStream::connect(addr).await.map(TcpStream)
    }

    /// Polls for bytes, which stay in the queue, and returns their number.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        fill(buf, |buf| self.0.poll_peek(cx, buf))
    }
}

impl UnixStream {
    /// Connects to the socket of a path.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        wakeful::net::UnixStream::connect(path)
            .await
            .map(UnixStream)
    }

    /// Makes two connected streams.
    ///
    /// # Errors
    ///
    /// Returns the error of the system.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = wakeful::net::UnixStream::pair()?;
        Ok((UnixStream(one), UnixStream(other)))
    }
}

/// The methods and traits of both streams, and their halves in the module `$halves`.
macro_rules! stream {
    ($type:ident, $ours:ty, $std:ty, $halves:ident) => {
        adapter!($type, $ours, $std);

        impl $type {
            /// Splits the stream into two halves that borrow it.
            pub fn split(&mut self) -> ($halves::ReadHalf<'_>, $halves::WriteHalf<'_>) {
                ($halves::ReadHalf(self), $halves::WriteHalf(self))
            }

            /// Splits the stream into two halves, for two tasks of its thread.
            pub fn into_split(self) -> ($halves::OwnedReadHalf, $halves::OwnedWriteHalf) {
                let stream = Rc::new(self);
                let write = $halves::OwnedWriteHalf {
                    stream: stream.clone(),
                    shutdown_on_drop: true,
                };
                ($halves::OwnedReadHalf(stream), write)
            }
        }

        read!($type, |this| &mut this.0);
        write!($type, |this| &mut this.0);

        pub(super) mod $halves {
            use std::ops::Deref;

            use super::*;

            /// Reading half of a borrowed stream.
            #[derive(Debug)]
            pub struct ReadHalf<'a>(pub(super) &'a $type);

            /// Writing half of a borrowed stream.
            #[derive(Debug)]
            pub struct WriteHalf<'a>(pub(super) &'a $type);

            /// Owned reading half of a stream.
            #[derive(Debug)]
            pub struct OwnedReadHalf(pub(super) Rc<$type>);

            /// Owned writing half of a stream. Dropping it shuts that direction down, unless
            /// [`forget`](Self::forget) is called.
            #[derive(Debug)]
            pub struct OwnedWriteHalf {
                pub(super) stream: Rc<$type>,
                pub(super) shutdown_on_drop: bool,
            }

            /// Error of `reunite`: two halves of different streams, returned to the caller.
            #[derive(Debug)]
            pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

            impl std::fmt::Display for ReuniteError {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("these two halves are of different streams")
                }
            }

            impl std::error::Error for ReuniteError {}

            impl OwnedReadHalf {
                /// Reunites the two halves of a stream.
                ///
                /// # Errors
                ///
                /// Returns both halves if they belong to different streams.
                pub fn reunite(self, other: OwnedWriteHalf) -> Result<$type, ReuniteError> {
                    if !Rc::ptr_eq(&self.0, &other.stream) {
                        return Err(ReuniteError(self, other));
                    }
                    other.forget();
                    match Rc::try_unwrap(self.0) {
                        Ok(stream) => Ok(stream),
                        Err(_) => unreachable!("a stream has two halves, and both were here"),
                    }
                }
            }

            impl OwnedWriteHalf {
                /// Reunites the two halves of a stream.
                ///
                /// # Errors
                ///
                /// Returns both halves if they belong to different streams.
                pub fn reunite(self, other: OwnedReadHalf) -> Result<$type, ReuniteError> {
                    other.reunite(self)
                }

                /// Drops the half without shutting its direction down.
                pub fn forget(mut self) {
                    self.shutdown_on_drop = false;
                }
            }

            impl Drop for OwnedWriteHalf {
                fn drop(&mut self) {
                    if self.shutdown_on_drop {
                        // An error means that the connection is closed already.
                        let _ = self.stream.0.shutdown(std::net::Shutdown::Write);
                    }
                }
            }

            half!($type, ReadHalf<'_>, |this| this.0);
            half!($type, WriteHalf<'_>, |this| this.0);
            half!($type, OwnedReadHalf, |this| &this.0);
            half!($type, OwnedWriteHalf, |this| &this.stream);
            read!(ReadHalf<'_>, |this| &mut &this.0.0);
            read!(OwnedReadHalf, |this| &mut &this.0.0);
            write!(WriteHalf<'_>, |this| &mut &this.0.0);
            write!(OwnedWriteHalf, |this| &mut &this.stream.0);
        }
    };
}

macro_rules! half {
    ($stream:ident, $type:ty, |$this:ident| $inner:expr) => {
        impl Deref for $type {
            type Target = $stream;

            fn deref(&self) -> &$stream {
                let $this = self;
                $inner
            }
        }

        impl AsRef<$stream> for $type {
            fn as_ref(&self) -> &$stream {
                self
            }
        }
    };
}

macro_rules! read {
    ($type:ty, |$this:ident| $inner:expr) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                Pin::new($inner).poll_read(cx, buf)
            }
        }
    };
}

macro_rules! write {
    ($type:ty, |$this:ident| $inner:expr) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                AsyncWrite::poll_write(Pin::new($inner), cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                AsyncWrite::poll_write_vectored(Pin::new($inner), cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                AsyncWrite::poll_flush(Pin::new($inner), cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                AsyncWrite::poll_shutdown(Pin::new($inner), cx)
            }
        }
    };
}

stream!(TcpStream, wakeful::net::TcpStream, std::net::TcpStream, tcp);
stream!(
    UnixStream,
    wakeful::net::UnixStream,
    std::os::unix::net::UnixStream,
    unix
);

//! Code shared by TCP and Unix streams.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use rustix::net::RecvFlags;
use socket2::SockRef;
use wakeful_core::reactor::{Async, Interest, Source};

use crate::exact;
use crate::handle::Handle;

/// Reading from a socket of std, where TCP and Unix sockets differ.
pub(crate) trait Socket: Handle {
    fn read(&self, buf: &mut [u8]) -> io::Result<Received>;
    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Received>;

    fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let (_, n) = rustix::net::recv(self, buf, RecvFlags::PEEK)?;
        Ok(n)
    }

    fn shutdown_now(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(self).shutdown(how)
    }

    /// Returns the error of a connection that failed, and `NotConnected` while it is not
    /// established.
    fn check_connected(&self) -> io::Result<()> {
        let socket = SockRef::from(self);
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        socket.peer_addr().map(drop)
    }
}

/// Result of a read.
pub(crate) struct Received {
    pub(crate) bytes: usize,
    /// Whether the system ended the read early: more bytes may be available although the read was
    /// short.
    pub(crate) cut: bool,
}

/// Number of buffers that POSIX guarantees in one call (`_XOPEN_IOV_MAX`). With more buffers a
/// short transfer does not mean that the socket would block.
const SURELY_TAKEN: usize = 16;

/// Whether a transfer with these buffers would move nothing.
pub(crate) fn no_bytes<B: Deref<Target = [u8]>>(bufs: &[B]) -> bool {
    bufs.iter().all(|buf| buf.is_empty())
}

/// Connected stream socket, registered with the reactor.
///
/// A request on a warm connection costs one read and one write: readiness is remembered, and after
/// a transfer shorter than the buffer the socket counts as not ready, without another system call.
#[derive(Debug)]
pub(crate) struct Stream<S: AsFd> {
    io: Async<S>,
}

impl<S: Socket> Stream<S>
where
    for<'a> &'a S: Write,
{
    /// Registers a connected, nonblocking socket. It is most likely writable, so the first write is
    /// tried at once.
    #[track_caller]
    pub(crate) fn new(io: S) -> io::Result<Stream<S>> {
        let io = io.register()?;
        io.source().assume_ready(Interest::WRITABLE);
        Ok(Stream { io })
    }

    /// Registers an accepted, nonblocking socket. The first bytes of the peer have often arrived
    /// before it, so the first read is tried at once, too.
    #[track_caller]
    pub(crate) fn accepted(io: S) -> io::Result<Stream<S>> {
        let stream = Stream::new(io)?;
        stream.source().assume_ready(Interest::READABLE);
        Ok(stream)
    }

    /// Registers a socket that is connecting, and waits until it is connected.
    pub(crate) async fn connected(io: S) -> io::Result<Stream<S>> {
        let io = io.register()?;
        io.write_with(|io| match io.check_connected() {
            // An event alone does not mean that the socket is connected.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            result => result,
        })
        .await?;
        Ok(Stream { io })
    }

    #[inline]
    pub(crate) fn source(&self) -> &Source {
        self.io.source()
    }

    #[inline]
    pub(crate) fn get_ref(&self) -> &S {
        self.io.get_ref()
    }

    pub(crate) fn into_inner(self) -> io::Result<S> {
        self.io.into_inner()
    }

    /// Clears the readiness after a short transfer, of `n` of `len` bytes.
    #[inline]
    pub(crate) fn moved(&self, n: usize, len: usize, interest: Interest) {
        if 0 < n && n < len {
            self.source().drained(interest);
        }
    }

    #[inline]
    fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.source().fault_cap(buf.len());
        let buf = &mut buf[..len];
        let Received { bytes, cut } = self.get_ref().read(buf)?;
        if !cut {
            self.moved(bytes, buf.len(), Interest::READABLE);
        }
        Ok(bytes)
    }

    fn read_vectored_now(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let most = self.source().fault_cap(bufs.len());
        let bufs = &mut bufs[..most];
        let Received { bytes, cut } = self.get_ref().read_vectored(bufs)?;
        if !cut && bufs.len() <= SURELY_TAKEN {
            let len = bufs.iter().map(|buf| buf.len()).sum();
            self.moved(bytes, len, Interest::READABLE);
        }
        Ok(bytes)
    }

    #[inline]
    fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
        let buf = &buf[..self.source().fault_cap(buf.len())];
        let n = self.get_ref().write(buf)?;
        self.moved(n, buf.len(), Interest::WRITABLE);
        Ok(n)
    }

    fn write_vectored_now(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = &bufs[..self.source().fault_cap(bufs.len())];
        let n = self.get_ref().write_vectored(bufs)?;
        if bufs.len() <= SURELY_TAKEN {
            let len = bufs.iter().map(|buf| buf.len()).sum();
            self.moved(n, len, Interest::WRITABLE);
        }
        Ok(n)
    }

    fn peek_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.get_ref().peek(buf)
    }

    #[inline]
    pub(crate) fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.source()
            .transfer(Interest::READABLE, buf.is_empty(), || self.read_now(buf))
    }

    pub(crate) fn read_vectored(
        &self,
        bufs: &mut [IoSliceMut<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        self.source()
            .transfer(Interest::READABLE, no_bytes(bufs), || {
                self.read_vectored_now(bufs)
            })
    }

    #[inline]
    pub(crate) fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.source()
            .transfer(Interest::WRITABLE, buf.is_empty(), || self.write_now(buf))
    }

    pub(crate) fn write_vectored(
        &self,
        bufs: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        self.source()
            .transfer(Interest::WRITABLE, no_bytes(bufs), || {
                self.write_vectored_now(bufs)
            })
    }

    #[inline]
    pub(crate) fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        exact::read_exact(self.source(), buf, |rest| self.read_now(rest))
    }

    #[inline]
    pub(crate) fn write_all(&self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        exact::write_all(self.source(), buf, |rest| self.write_now(rest))
    }

    pub(crate) fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.source()
            .transfer(Interest::READABLE, buf.is_empty(), || self.peek_now(buf))
    }

    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_transfer(cx, Interest::READABLE, buf.is_empty(), || {
                self.peek_now(buf)
            })
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.source()
            .try_transfer(Interest::READABLE, buf.is_empty(), || self.read_now(buf))
    }

    pub(crate) fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.source()
            .try_transfer(Interest::READABLE, no_bytes(bufs), || {
                self.read_vectored_now(bufs)
            })
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.source()
            .try_transfer(Interest::WRITABLE, buf.is_empty(), || self.write_now(buf))
    }

    pub(crate) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.source()
            .try_transfer(Interest::WRITABLE, no_bytes(bufs), || {
                self.write_vectored_now(bufs)
            })
    }

    #[inline]
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_transfer(cx, Interest::READABLE, buf.is_empty(), || {
                self.read_now(buf)
            })
    }

    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_transfer(cx, Interest::READABLE, no_bytes(bufs), || {
                self.read_vectored_now(bufs)
            })
    }

    #[inline]
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.source()
            .poll_transfer(cx, Interest::WRITABLE, buf.is_empty(), || {
                self.write_now(buf)
            })
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_transfer(cx, Interest::WRITABLE, no_bytes(bufs), || {
                self.write_vectored_now(bufs)
            })
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.get_ref().shutdown_now(how) {
            // The peer has closed the connection already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

/// Public methods of a stream type around [`Stream`], and its I/O traits.
///
/// The async methods return the inner future, as an `async fn` would add a state machine around it.
macro_rules! stream_methods {
    ($type:ident, $std:ty, $handle:ty) => {
        impl $type {
            #[track_caller]
            fn new(socket: $handle) -> io::Result<$type> {
                Stream::new(socket).map($type)
            }

            /// Reads into `buf` and returns the number of bytes; 0 means the end of the stream.
            /// With an empty `buf` it returns 0 at once, in any state of the connection.
            ///
            /// # Errors
            ///
            /// Returns the error of the connection, or an error if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, nothing was read.
            #[inline]
            pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.0.read(buf)
            }

            /// Reads until `buf` is full. With an empty `buf` it is ready at once.
            ///
            /// ```
            /// # fn main() -> std::io::Result<()> {
            /// # wakeful::block_on(async {
            /// # let (client, server) = wakeful::net::UnixStream::pair()?;
            /// client.write_all(b"GET ").await?;
            /// client.write_all(b"/index").await?;
            /// let mut request = [0; 10];
            /// server.read_exact(&mut request).await?; // all ten bytes, in two reads if need be
            /// assert_eq!(&request, b"GET /index");
            /// # Ok(())
            /// # })
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// `UnexpectedEof` if the stream ends before `buf` is full; else as
            /// [`read`](Self::read). After an error, the contents of `buf` are unspecified.
            ///
            /// # Cancel safety
            ///
            /// Not cancel-safe: when the future is dropped, some bytes may have been read into
            /// `buf` already, and how many is unknown. To read with a timeout, call
            /// [`read`](Self::read) in a loop, or keep the future and poll it again.
            #[inline]
            pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
                self.0.read_exact(buf)
            }

            /// Reads into several buffers, one after the other, in one operation.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, nothing was read.
            pub fn read_vectored(
                &self,
                bufs: &mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                self.0.read_vectored(bufs)
            }

            /// Writes from `buf` and returns how many bytes were written, perhaps not all of them:
            /// see [`write_all`](Self::write_all). With an empty `buf` it returns 0 at once, in any
            /// state of the connection.
            ///
            /// # Errors
            ///
            /// Returns the error of the connection, or an error if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, nothing was written.
            #[inline]
            pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                self.0.write(buf)
            }

            /// Writes all of `buf`. With an empty `buf` it is ready at once.
            ///
            /// If two tasks write to one stream at the same time, their bytes may mix: each
            /// operation takes as much as the send buffer of the system has space for.
            ///
            /// ```
            /// # fn main() -> std::io::Result<()> {
            /// # wakeful::block_on(async {
            /// # let (client, server) = wakeful::net::UnixStream::pair()?;
            /// client.write_all(b"hello").await?;
            /// let mut greeting = [0; 5];
            /// server.read_exact(&mut greeting).await?;
            /// assert_eq!(&greeting, b"hello");
            /// # Ok(())
            /// # })
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// `WriteZero` if the system takes no more bytes; else as [`write`](Self::write). After
            /// an error, some bytes may have been written.
            ///
            /// # Cancel safety
            ///
            /// Not cancel-safe: when the future is dropped, a part of `buf` may have been written,
            /// and how much is unknown. To write with a timeout, call [`write`](Self::write) in a
            /// loop, or keep the future and poll it again.
            #[inline]
            pub fn write_all(&self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                self.0.write_all(buf)
            }

            /// Writes from several buffers, one after the other, in one operation.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: if the future is dropped, nothing was written.
            pub fn write_vectored(
                &self,
                bufs: &[IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                self.0.write_vectored(bufs)
            }

            /// Reads into `buf` without removing the bytes from the stream, and returns their
            /// number.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
                self.0.peek(buf)
            }

            /// Polls [`peek`](Self::peek); if several tasks poll, only the last one is woken.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            pub fn poll_peek(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_peek(cx, buf)
            }

            /// Tries to read, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is nothing to read; otherwise as [`read`](Self::read).
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.try_read(buf)
            }

            /// Tries to read into several buffers, without waiting.
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.try_read_vectored(bufs)
            }

            /// Tries to write, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the buffer of the system is full; otherwise as
            /// [`write`](Self::write).
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.try_write(buf)
            }

            /// Tries to write from several buffers, without waiting.
            ///
            /// # Errors
            ///
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.try_write_vectored(bufs)
            }

            /// Polls for readability; if several tasks poll, only the last one is woken.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.source().poll_ready(cx, Interest::READABLE)
            }

            /// Polls for writability; if several tasks poll, only the last one is woken.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.source().poll_ready(cx, Interest::WRITABLE)
            }

            /// Shuts down one or both directions of the connection. Bytes that were written are
            /// still sent.
            ///
            /// It returns at once, so there is nothing to await. `shutdown(Shutdown::Write)` does
            /// what `shutdown().await` of tokio's `AsyncWriteExt` and `close().await` of that of
            /// `futures-util` do.
            ///
            /// # Errors
            ///
            /// Returns the error of the system. It is no error if the peer has closed the
            /// connection.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.0.shutdown(how)
            }

            /// Splits the stream into two borrowed halves, one to read and one to write. As reading
            /// and writing take `&self`, two references work as well.
            ///
            /// `futures_util::AsyncReadExt` has a `split` too, which is found first where that
            /// trait is in scope. Name the type then: `TcpStream::split(&mut stream)`.
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                ReadHalf::split(self)
            }

            /// Splits the stream into two owned halves, for two tasks. Dropping the write half
            /// shuts that direction down.
            ///
            /// ```no_run
            #[doc = concat!("# use wakeful_net::", stringify!($type), " as Stream;")]
            /// # async fn example(stream: Stream) -> std::io::Result<()> {
            /// let (read, write) = stream.into_split();
            /// wakeful::spawn(async move { write.write_all(b"hello").await });
            /// let mut reply = [0; 5];
            /// read.read_exact(&mut reply).await?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                OwnedReadHalf::split(self)
            }
        }

        impl AsRef<Self> for $type {
            fn as_ref(&self) -> &$type {
                self
            }
        }

        crate::socket::socket_methods!($type, $std);
        crate::io_traits::io_traits!($type);
        crate::io_traits::io_traits!(&$type);
    };
}

pub(crate) use stream_methods;

//! What TCP and Unix streams have in common.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use socket2::SockRef;
use wakeful::reactor::{Async, Interest, Source};

/// A connected stream socket on the reactor.
///
/// One request on a warm connection costs one read and one write: readiness is remembered, and a
/// transfer shorter than the buffer is taken as "nothing left" without asking the system again.
#[derive(Debug)]
pub(crate) struct Stream<S: AsFd> {
    io: Async<S>,
}

/// A socket of std's as a stream.
pub(crate) trait Raw: AsFd {
    /// Does a read that gives less than it could mean that nothing is left?
    const SHORT_READ_IS_ALL: bool;
}

impl Raw for std::net::TcpStream {
    const SHORT_READ_IS_ALL: bool = true;
}

impl Raw for std::os::unix::net::UnixStream {
    // A read also stops where descriptors or credentials were sent along.
    const SHORT_READ_IS_ALL: bool = false;
}

impl<S: Raw> Stream<S>
where
    for<'a> &'a S: Read + Write,
{
    /// Takes in a connected, nonblocking socket. It can most likely be written to, and may have
    /// something to read already: the first operation finds out.
    pub(crate) fn new(io: S) -> io::Result<Stream<S>> {
        let io = Async::new_nonblocking(io)?;
        io.source()
            .assume_ready(Interest::READABLE | Interest::WRITABLE);
        Ok(Stream { io })
    }

    /// Takes in a socket whose connection is being made, and waits until it is.
    pub(crate) async fn connected(io: S) -> io::Result<Stream<S>> {
        let io = Async::new_nonblocking(io)?;
        io.writable().await?;
        if let Some(error) = SockRef::from(io.get_ref()).take_error()? {
            return Err(error);
        }
        Ok(Stream { io })
    }

    pub(crate) fn source(&self) -> &Source {
        self.io.source()
    }

    pub(crate) fn get_ref(&self) -> &S {
        self.io.get_ref()
    }

    pub(crate) fn into_inner(self) -> io::Result<S> {
        self.io.into_inner()
    }

    /// Remembers what a read of `n` of `len` bytes says.
    #[inline]
    fn was_read(&self, n: usize, len: usize) -> usize {
        if S::SHORT_READ_IS_ALL && 0 < n && n < len {
            self.source().drained(Interest::READABLE);
        }
        n
    }

    /// Remembers what a write of `n` of `len` bytes says.
    #[inline]
    fn was_written(&self, n: usize, len: usize) -> usize {
        if 0 < n && n < len {
            self.source().drained(Interest::WRITABLE);
        }
        n
    }

    #[inline]
    fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.get_ref().read(buf)?;
        Ok(self.was_read(n, buf.len()))
    }

    fn read_vectored_now(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let len = bufs.iter().map(|buf| buf.len()).sum();
        let n = self.get_ref().read_vectored(bufs)?;
        Ok(self.was_read(n, len))
    }

    #[inline]
    fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
        let n = self.get_ref().write(buf)?;
        Ok(self.was_written(n, buf.len()))
    }

    fn write_vectored_now(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = bufs.iter().map(|buf| buf.len()).sum();
        let n = self.get_ref().write_vectored(bufs)?;
        Ok(self.was_written(n, len))
    }

    fn peek_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        // SAFETY: initialised bytes are also maybe-uninitialised ones, and `peek` only ever writes
        // initialised bytes into them.
        let uninit = unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) };
        SockRef::from(self.get_ref()).peek(uninit)
    }

    #[inline]
    pub(crate) fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.source().io(Interest::READABLE, || self.read_now(buf))
    }

    pub(crate) fn read_vectored(
        &self,
        bufs: &mut [IoSliceMut<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        self.source()
            .io(Interest::READABLE, || self.read_vectored_now(bufs))
    }

    #[inline]
    pub(crate) fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.source().io(Interest::WRITABLE, || self.write_now(buf))
    }

    pub(crate) fn write_vectored(
        &self,
        bufs: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        self.source()
            .io(Interest::WRITABLE, || self.write_vectored_now(bufs))
    }

    pub(crate) fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.source().io(Interest::READABLE, || self.peek_now(buf))
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.source()
            .try_io(Interest::READABLE, || self.read_now(buf))
    }

    pub(crate) fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.source()
            .try_io(Interest::READABLE, || self.read_vectored_now(bufs))
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.source()
            .try_io(Interest::WRITABLE, || self.write_now(buf))
    }

    pub(crate) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.source()
            .try_io(Interest::WRITABLE, || self.write_vectored_now(bufs))
    }

    #[inline]
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_io(cx, Interest::READABLE, || self.read_now(buf))
    }

    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_io(cx, Interest::READABLE, || self.read_vectored_now(bufs))
    }

    #[inline]
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.source()
            .poll_io(cx, Interest::WRITABLE, || self.write_now(buf))
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.source()
            .poll_io(cx, Interest::WRITABLE, || self.write_vectored_now(bufs))
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match SockRef::from(self.get_ref()).shutdown(how) {
            // The other side was quicker; what was asked for is so.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

/// The public methods of a stream type around [`Stream`], and its I/O traits.
macro_rules! stream_methods {
    ($type:ident, $std:ty) => {
        impl $type {
            /// Reads into `buf` and returns how many bytes; 0 is the end of the stream, unless `buf`
            /// is empty.
            ///
            /// # Errors
            ///
            /// Those of the connection, and if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: when it is dropped, nothing was read.
            #[inline]
            pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.read(buf).await
            }

            /// Reads into several buffers, one after the other, in one operation.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: when it is dropped, nothing was read.
            pub async fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.read_vectored(bufs).await
            }

            /// Writes from `buf` and returns how many bytes; perhaps not all. For all of them use
            /// `write_all` of `futures_util::AsyncWriteExt` on `&stream`.
            ///
            /// # Errors
            ///
            /// Those of the connection, and if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: when it is dropped, nothing was written.
            #[inline]
            pub async fn write(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.write(buf).await
            }

            /// Writes from several buffers, one after the other, in one operation.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: when it is dropped, nothing was written.
            pub async fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.write_vectored(bufs).await
            }

            /// Reads without taking the bytes away.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.peek(buf).await
            }

            /// Waits until there is something to read, as far as events tell.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn readable(&self) -> io::Result<()> {
                self.ready(Interest::READABLE).await
            }

            /// Waits until there is room to write, as far as events tell.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn writable(&self) -> io::Result<()> {
                self.ready(Interest::WRITABLE).await
            }

            /// Waits until any of `interest` is so, as far as events tell.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe.
            pub async fn ready(&self, interest: Interest) -> io::Result<()> {
                self.0.source().ready(interest).await
            }

            /// Reads now, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is nothing; else as [`read`](Self::read).
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.try_read(buf)
            }

            /// Reads now into several buffers, without waiting.
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.try_read_vectored(bufs)
            }

            /// Writes now, without waiting.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is no room; else as [`write`](Self::write).
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.0.try_write(buf)
            }

            /// Writes now from several buffers, without waiting.
            ///
            /// # Errors
            ///
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.try_write_vectored(bufs)
            }

            /// Does an operation of your own on the socket, once, if it is ready as far as events
            /// tell. If `op` gives `WouldBlock`, that is remembered.
            ///
            /// # Errors
            ///
            /// Those of `op`, and `WouldBlock`.
            pub fn try_io<R>(
                &self,
                interest: Interest,
                op: impl FnMut() -> io::Result<R>,
            ) -> io::Result<R> {
                self.0.source().try_io(interest, op)
            }

            /// Does an operation of your own on the socket as soon as it gives anything but
            /// `WouldBlock`.
            ///
            /// # Errors
            ///
            /// Those of `op`, and if the runtime has ended.
            ///
            /// # Cancel safety
            ///
            /// Cancel-safe: when it is dropped, `op` has not succeeded.
            pub async fn async_io<R>(
                &self,
                interest: Interest,
                op: impl FnMut() -> io::Result<R>,
            ) -> io::Result<R> {
                self.0.source().io(interest, op).await
            }

            /// Polls for something to read; of several tasks the newest is woken.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.source().poll_ready(cx, Interest::READABLE)
            }

            /// Polls for room to write; of several tasks the newest is woken.
            ///
            /// # Errors
            ///
            /// If the runtime has ended.
            pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.source().poll_ready(cx, Interest::WRITABLE)
            }

            /// Ends one direction of the connection, or both. What was written is still sent.
            ///
            /// # Errors
            ///
            /// Those of the system. That the other side has gone already is none.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.0.shutdown(how)
            }

            /// The error that waits on the socket, which this takes away.
            ///
            /// # Errors
            ///
            /// If the system does not tell.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.get_ref().take_error()
            }

            /// Takes in a connected socket of std's, and makes it nonblocking.
            ///
            /// # Errors
            ///
            /// If it can't be registered.
            ///
            /// # Panics
            ///
            /// Outside a runtime.
            pub fn from_std(stream: $std) -> io::Result<$type> {
                stream.set_nonblocking(true)?;
                Stream::new(stream).map($type)
            }

            /// Takes the socket off the reactor. It stays nonblocking.
            ///
            /// # Errors
            ///
            /// None today.
            pub fn into_std(self) -> io::Result<$std> {
                self.0.into_inner()
            }

            /// Two borrowed halves, one to read and one to write. As reading and writing take
            /// `&self`, two references do as well.
            pub fn split(&mut self) -> (ReadHalf<'_, $type>, WriteHalf<'_, $type>) {
                halves::split(self)
            }

            /// Two halves that can go to two tasks. Dropping the write half ends that direction.
            pub fn into_split(self) -> (OwnedReadHalf<$type>, OwnedWriteHalf<$type>) {
                halves::into_split(self)
            }
        }

        impl halves::Split for $type {
            fn shutdown_write(&self) -> io::Result<()> {
                self.0.shutdown(Shutdown::Write)
            }
        }

        crate::stream::io_traits!($type);
        crate::stream::io_traits!(&$type);

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.get_ref().as_fd()
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.0.get_ref().as_raw_fd()
            }
        }
    };
}

/// The I/O traits, the same for a stream and for a reference to one.
macro_rules! io_traits {
    ($type:ty) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_read_vectored(cx, bufs)
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write_vectored(cx, bufs)
            }

            /// Nothing is buffered here.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Ends the writing direction.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.0.shutdown(Shutdown::Write))
            }
        }
    };
}

pub(crate) use {io_traits, stream_methods};

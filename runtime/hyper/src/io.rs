//! Sockets for hyper.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBufCursor, Write};
use pin_project_lite::pin_project;

/// The most that is asked for in one read. The room for it is filled with zeros, and hyper offers
/// up to 400 KiB at a time, of which a socket seldom fills much.
const MOST: usize = 64 * 1024;

pin_project! {
    /// Makes a stream with the traits of `futures-io` one with those of hyper.
    ///
    /// Bytes are read straight into hyper's buffer, and written straight from it. hyper's shutdown
    /// closes the stream, which for a socket ends the writing direction.
    ///
    /// ```
    /// use wakeful_hyper::Io;
    ///
    /// let io = Io::new(futures_util::io::Cursor::new(b"bytes".to_vec()));
    /// assert_eq!(io.into_inner().into_inner(), b"bytes");
    /// ```
    #[derive(Clone, Copy, Debug)]
    pub struct Io<T> {
        #[pin]
        inner: T,
        vectored: bool,
    }
}

impl<T> Io<T> {
    /// Takes in a stream that makes good use of `poll_write_vectored`, as sockets and TLS do: hyper
    /// gives the head and the body of a message to it without copying them together.
    pub fn new(inner: T) -> Io<T> {
        Io {
            inner,
            vectored: true,
        }
    }

    /// Takes in a stream that writes one buffer at a time, so that hyper copies what is small into one
    /// buffer first.
    pub fn flat(inner: T) -> Io<T> {
        Io {
            inner,
            vectored: false,
        }
    }

    /// The stream.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream. What is read from it is lost to hyper.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream, for example out of the `Parts` of a connection that was upgraded.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead> Read for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = cursor.remaining().min(MOST);
        let buf = cursor.initialize_unfilled_to(room);
        let n = ready!(self.project().inner.poll_read(cx, buf))?;
        // A stream that claims more would make us give out bytes that are not there.
        assert!(
            n <= room,
            "a stream says that it read {n} bytes into {room}"
        );
        // SAFETY: `n` is no more than the room, which was initialized just now.
        unsafe { cursor.advance(n) };
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite> Write for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_close(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}

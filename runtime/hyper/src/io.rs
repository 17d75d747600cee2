//! Streams for hyper.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBufCursor, Write};
use pin_project_lite::pin_project;

/// The most bytes of one read. `AsyncRead` needs an initialized buffer, and hyper offers up to 400
/// KiB at a time, of which a socket seldom fills much.
const MOST: usize = 64 * 1024;

pin_project! {
    /// Stream with the traits of hyper, around a stream with those of `futures-io`.
    ///
    /// It reads directly into hyper's buffer, and writes directly from it. A shutdown by hyper
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
    /// Wraps a stream with an efficient `poll_write_vectored`, such as a socket or TLS. hyper
    /// passes the head and the body of a message to it without copying them into one buffer.
    pub fn new(inner: T) -> Io<T> {
        Io {
            inner,
            vectored: true,
        }
    }

    /// Wraps a stream that writes one buffer at a time. hyper copies small parts into one buffer
    /// first.
    pub fn flat(inner: T) -> Io<T> {
        Io {
            inner,
            vectored: false,
        }
    }

    /// Returns a reference to the stream.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns a mutable reference to the stream. Bytes that are read from it are lost to hyper.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Returns the stream, for example from the `Parts` of an upgraded connection.
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
        let length = cursor.remaining().min(MOST);
        let buf = cursor.initialize_unfilled_to(length);
        let n = ready!(self.project().inner.poll_read(cx, buf))?;
        // With a larger number, hyper would read bytes that are not initialized.
        assert!(
            n <= length,
            "a stream reported a read of {n} bytes into a buffer of {length}"
        );
        // SAFETY: the first `length` bytes were just initialized, and `n` is at most `length`.
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

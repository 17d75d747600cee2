//! Streams made of two halves, and halves made of a stream.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, ReadHalf, WriteHalf};
use pin_project_lite::pin_project;

/// Splits a stream into a half that reads and a half that writes, for two tasks.
///
/// It works for every stream. Sockets have an `into_split` of their own, which costs less and shuts
/// the writing direction down when that half is dropped.
///
/// ```
/// use wakeful::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
///
/// # fn main() -> wakeful::io::Result<()> {
/// wakeful::block_on(async {
///     let (client, mut server) = duplex(64);
///     let (mut read, mut write) = split(client);
///     let sender = wakeful::spawn(async move { write.write_all(b"ping").await });
///     server.write_all(b"pong").await?;
///     let mut reply = [0; 4];
///     read.read_exact(&mut reply).await?;
///     assert_eq!(&reply, b"pong");
///     sender.await.unwrap()
/// })
/// # }
/// ```
pub fn split<S>(stream: S) -> (ReadHalf<S>, WriteHalf<S>)
where
    S: AsyncRead + AsyncWrite,
{
    AsyncReadExt::split(stream)
}

/// Returns a stream that reads from `reader` and writes to `writer`.
///
/// ```
/// use wakeful::io::{AsyncReadExt, AsyncWriteExt, Cursor, join};
///
/// # fn main() -> wakeful::io::Result<()> {
/// wakeful::block_on(async {
///     let mut stream = join(&b"request"[..], Cursor::new(vec![0; 5]));
///     let mut request = String::new();
///     stream.read_to_string(&mut request).await?;
///     stream.write_all(b"reply").await?;
///     assert_eq!(request, "request");
///     assert_eq!(stream.into_inner().1.into_inner(), b"reply");
///     Ok(())
/// })
/// # }
/// ```
pub fn join<R, W>(reader: R, writer: W) -> Join<R, W> {
    Join { reader, writer }
}

pin_project! {
    /// A reader and a writer as one stream. Made by [`join`](join()).
    #[derive(Clone, Debug)]
    pub struct Join<R, W> {
        #[pin]
        reader: R,
        #[pin]
        writer: W,
    }
}

impl<R, W> Join<R, W> {
    /// Returns the reader and the writer.
    pub fn into_inner(self) -> (R, W) {
        (self.reader, self.writer)
    }

    /// Returns a reference to the reader.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// Returns a reference to the writer.
    pub fn writer(&self) -> &W {
        &self.writer
    }
}

impl<R: AsyncRead, W> AsyncRead for Join<R, W> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.project().reader.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().reader.poll_read_vectored(cx, bufs)
    }
}

impl<R: AsyncBufRead, W> AsyncBufRead for Join<R, W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().reader.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.project().reader.consume(amount);
    }
}

impl<R, W: AsyncWrite> AsyncWrite for Join<R, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().writer.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().writer.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().writer.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().writer.poll_close(cx)
    }
}

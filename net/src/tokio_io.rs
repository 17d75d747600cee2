//! tokio's I/O traits, for what has those of `futures-io`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use tokio::io::ReadBuf;

use crate::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::tcp::TcpStream;
use crate::unix::UnixStream;
use crate::unix::pipe::{Receiver, Sender};

/// The most of a buffer that is filled with zeros for a read; what has been filled before costs nothing.
const MOST: usize = 64 * 1024;

fn poll_read<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let filled = buf.filled().len();
    let for_free = buf.initialized().len() - filled;
    let room = buf.remaining().min(MOST).max(for_free);
    let n = ready!(reader.poll_read(cx, buf.initialize_unfilled_to(room)))?;
    buf.advance(n);
    Poll::Ready(Ok(()))
}

macro_rules! read {
    ($($type:ty, ($($generics:tt)*);)*) => {$(
        impl<$($generics)*> tokio::io::AsyncRead for $type
        where
            Self: AsyncRead,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read(self, cx, buf)
            }
        }
    )*};
}

macro_rules! write {
    ($($type:ty, ($($generics:tt)*);)*) => {$(
        /// Shutting down ends the writing direction, if it has one of its own.
        impl<$($generics)*> tokio::io::AsyncWrite for $type
        where
            Self: AsyncWrite,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_close(self, cx)
            }
        }
    )*};
}

read! {
    TcpStream, ();
    &TcpStream, ();
    UnixStream, ();
    &UnixStream, ();
    ReadHalf<'_, S>, (S);
    OwnedReadHalf<S>, (S);
    Receiver, ();
    &Receiver, ();
}

write! {
    TcpStream, ();
    &TcpStream, ();
    UnixStream, ();
    &UnixStream, ();
    WriteHalf<'_, S>, (S);
    OwnedWriteHalf<S>, (S);
    Sender, ();
    &Sender, ();
}

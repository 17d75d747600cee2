//! tokio's I/O traits for types that have those of `futures-io`. `wakeful-net` uses the same macros
//! for sockets.
//!
//! A `ReadBuf` reports how much of it is initialized. That part is read into directly; of the rest,
//! at most 64 KiB are initialized for a read.

#[cfg(feature = "process")]
mod process;
#[cfg(feature = "io-std")]
mod standard;

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_util::io::{AsyncRead, AsyncSeek};
use tokio::io::ReadBuf;

pub use {futures_util, tokio};

use crate::fs::File;
use crate::io::DuplexStream;
use crate::reactor::Async;
use crate::thread_bound::ThreadBound;

/// The most bytes that are initialized for one read.
const MOST: usize = 64 * 1024;

/// Implements `AsyncRead::poll_read` of tokio by that of `futures-io`.
pub fn poll_read<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let filled = buf.filled().len();
    let initialized = buf.initialized().len() - filled;
    let length = buf.remaining().min(MOST).max(initialized);
    let n = ready!(reader.poll_read(cx, buf.initialize_unfilled_to(length)))?;
    buf.advance(n);
    Poll::Ready(Ok(()))
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tokio_read {
    ($($type:ty, ($($generics:tt)*);)*) => {$(
        impl<$($generics)*> $crate::tokio_io::tokio::io::AsyncRead for $type
        where
            Self: $crate::tokio_io::futures_util::io::AsyncRead,
        {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut $crate::tokio_io::tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::tokio_io::poll_read(self, cx, buf)
            }
        }
    )*};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tokio_write {
    // The literal: whether the type writes several buffers at once.
    ($($type:ty, ($($generics:tt)*), $vectored:literal;)*) => {$(
        /// Shutting down ends the writing direction, if the type has a separate one.
        impl<$($generics)*> $crate::tokio_io::tokio::io::AsyncWrite for $type
        where
            Self: $crate::tokio_io::futures_util::io::AsyncWrite,
        {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $crate::tokio_io::futures_util::io::AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $crate::tokio_io::futures_util::io::AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                $vectored
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::tokio_io::futures_util::io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::tokio_io::futures_util::io::AsyncWrite::poll_close(self, cx)
            }
        }
    )*};
}

__tokio_read! {
    Async<T>, (T: std::os::fd::AsFd);
    &Async<T>, (T: std::os::fd::AsFd);
    File, ();
    DuplexStream, ();
    ThreadBound<T>, (T: 'static);
}

__tokio_write! {
    Async<T>, (T: std::os::fd::AsFd), true;
    &Async<T>, (T: std::os::fd::AsFd), true;
    File, (), true;
    DuplexStream, (), false;
    ThreadBound<T>, (T: 'static), true;
}

/// A seek completes at once, unless another operation is in flight.
impl tokio::io::AsyncSeek for File {
    /// # Errors
    ///
    /// Errors of the system, and an error if an operation is in flight: `poll_complete` waits for
    /// it.
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        let mut cx = Context::from_waker(Waker::noop());
        match AsyncSeek::poll_seek(self, &mut cx, to) {
            Poll::Ready(place) => place.map(drop),
            Poll::Pending => Err(io::Error::other(
                "an operation of this file is in flight: call `poll_complete` before `start_seek`",
            )),
        }
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        AsyncSeek::poll_seek(self, cx, SeekFrom::Current(0))
    }
}

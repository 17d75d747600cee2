//! Traits that the wrapper has if the value has them. Each call checks the thread.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedFuture, Stream};
use futures_sink::Sink;
use futures_util::io::{AsyncBufRead, AsyncRead, AsyncWrite};

use super::ThreadBound;

impl<F: Future> Future for ThreadBound<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.as_pin_mut().poll(cx)
    }
}

impl<F: FusedFuture> FusedFuture for ThreadBound<F> {
    #[track_caller]
    fn is_terminated(&self) -> bool {
        F::is_terminated(self)
    }
}

impl<S: Stream> Stream for ThreadBound<S> {
    type Item = S::Item;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.as_pin_mut().poll_next(cx)
    }

    /// Also on another thread, where it is not known.
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.try_get().map_or((0, None), S::size_hint)
    }
}

impl<I, S: Sink<I>> Sink<I> for ThreadBound<S> {
    type Error = S::Error;

    #[track_caller]
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.as_pin_mut().poll_ready(cx)
    }

    #[track_caller]
    fn start_send(self: Pin<&mut Self>, item: I) -> Result<(), S::Error> {
        self.as_pin_mut().start_send(item)
    }

    #[track_caller]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.as_pin_mut().poll_flush(cx)
    }

    #[track_caller]
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.as_pin_mut().poll_close(cx)
    }
}

impl<R: AsyncRead> AsyncRead for ThreadBound<R> {
    #[track_caller]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.as_pin_mut().poll_read(cx, buf)
    }

    #[track_caller]
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.as_pin_mut().poll_read_vectored(cx, bufs)
    }
}

impl<R: AsyncBufRead> AsyncBufRead for ThreadBound<R> {
    #[track_caller]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.as_pin_mut().poll_fill_buf(cx)
    }

    #[track_caller]
    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.as_pin_mut().consume(amount);
    }
}

impl<W: AsyncWrite> AsyncWrite for ThreadBound<W> {
    #[track_caller]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_pin_mut().poll_write(cx, buf)
    }

    #[track_caller]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.as_pin_mut().poll_write_vectored(cx, bufs)
    }

    #[track_caller]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_pin_mut().poll_flush(cx)
    }

    #[track_caller]
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_pin_mut().poll_close(cx)
    }
}

//! A stream that can still be read when it can't be written any more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};

use super::stream::Stream;

/// The most writes that are discarded between two reads.
const DISCARDED: usize = 64;

/// The stream of a connection of HTTP/1.
///
/// A server may answer before it has read the whole request, for example that its body is too
/// large, and close the connection. Then a write fails while the answer is there to be read. hyper
/// reports the error of the write and reads no more. So the rest of the request is discarded in
/// place of the error, until the end has been read.
pub(super) struct Early {
    stream: Stream,
    failed: Option<Failed>,
}

/// A write that has failed.
struct Failed {
    error: io::ErrorKind,
    /// Writes that may yet be discarded before the next read.
    left: usize,
    /// Whether a write has yielded since the last read.
    has_yielded: bool,
    /// Whether the end has been read.
    has_ended: bool,
}

impl Early {
    pub(super) fn new(stream: Stream) -> Early {
        Early {
            stream,
            failed: None,
        }
    }

    /// Writes or flushes. `discarded` is the result of an operation that is discarded.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        discarded: T,
        write: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Some(failed) = &mut self.failed {
            // hyper reads in each poll before it writes. So a write after the pause without a read
            // is one of the user of an upgraded connection.
            if failed.has_ended || failed.has_yielded {
                return Poll::Ready(Err(failed.error.into()));
            }
            if failed.left == 0 {
                failed.has_yielded = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            failed.left -= 1;
            return Poll::Ready(Ok(discarded));
        }
        match ready!(write(Pin::new(&mut self.stream), cx)) {
            Err(error) if is_gone(&error) => {
                self.failed = Some(Failed {
                    error: error.kind(),
                    left: DISCARDED,
                    has_yielded: false,
                    has_ended: false,
                });
                Poll::Ready(Ok(discarded))
            }
            result => Poll::Ready(result),
        }
    }
}

/// Whether the peer has closed the connection.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof
    )
}

impl AsyncRead for Early {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(failed) = &mut self.failed {
            failed.left = DISCARDED;
            failed.has_yielded = false;
        }
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if let Some(failed) = &mut self.failed {
            failed.has_ended |= !matches!(result, Ok(1..)) && !buf.is_empty();
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Early {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, buf.len(), |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        self.write(cx, length, |stream, cx| {
            stream.poll_write_vectored(cx, bufs)
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, (), |stream, cx| stream.poll_flush(cx))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

//! Copies between two streams, in both directions at once.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};

/// The size of each buffer, in bytes.
const BUFFER: usize = 8 * 1024;

/// Copies bytes from `a` to `b` and from `b` to `a`, until both directions have ended.
///
/// When the reader of a direction is at its end, the writer is closed, which for a socket shuts the
/// writing half down. The other direction continues. The result is the number of bytes
/// that were copied from `a` to `b`, and from `b` to `a`.
///
/// Each direction has a buffer of 8 KiB, see [`copy_bidirectional_with_sizes`]. When a reader has
/// nothing more for now, its writer is flushed.
///
/// ```
/// use wakeful::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
///
/// # fn main() -> wakeful::io::Result<()> {
/// wakeful::block_on(async {
///     let (mut client, mut front) = duplex(64);
///     let (mut back, mut server) = duplex(64);
///     let proxy = wakeful::spawn(async move { copy_bidirectional(&mut front, &mut back).await });
///     client.write_all(b"hello").await?;
///     client.close().await?;
///     let mut request = String::new();
///     server.read_to_string(&mut request).await?;
///     assert_eq!(request, "hello");
///     server.write_all(b"hi").await?;
///     server.close().await?;
///     assert_eq!(proxy.await.unwrap()?, (5, 2));
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// Returns the first error of reading, writing, flushing or closing, of either direction, at once.
/// Bytes that were read but not written are lost then. Interrupted operations are repeated.
///
/// # Cancel safety
///
/// Not cancel-safe: bytes that were read and not yet written are lost when the future is dropped.
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, BUFFER, BUFFER).await
}

/// Copies bytes between two streams as [`copy_bidirectional`] does, with buffers of the given
/// sizes, in bytes.
///
/// ```
/// use wakeful::io::{copy_bidirectional_with_sizes, duplex};
///
/// # fn main() -> wakeful::io::Result<()> {
/// wakeful::block_on(async {
///     let (client, mut front) = duplex(64);
///     let (mut back, server) = duplex(64);
///     drop((client, server));
///     let sizes = (64 * 1024, 512);
///     let copied = copy_bidirectional_with_sizes(&mut front, &mut back, sizes.0, sizes.1).await?;
///     assert_eq!(copied, (0, 0));
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`copy_bidirectional`].
///
/// # Panics
///
/// If a size is 0: nothing could be copied.
///
/// # Cancel safety
///
/// Not cancel-safe, as [`copy_bidirectional`].
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b: usize,
    b_to_a: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let mut there = Direction::new("a_to_b", a_to_b);
    let mut back = Direction::new("b_to_a", b_to_a);
    poll_fn(move |cx| {
        let there = there.poll(cx, Pin::new(a), Pin::new(b))?;
        let back = back.poll(cx, Pin::new(b), Pin::new(a))?;
        Poll::Ready(Ok((ready!(there), ready!(back))))
    })
    .await
}

enum State {
    /// Bytes are copied.
    Copying,
    /// All bytes are written; the writer is being closed.
    Closing,
    /// The direction has ended.
    Ended,
}

/// One direction. The bytes of `buffer` from `start` to `end` have been read and not written.
struct Direction {
    state: State,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    at_end: bool,
    needs_flush: bool,
    copied: u64,
}

impl Direction {
    fn new(name: &str, size: usize) -> Direction {
        assert!(
            size > 0,
            "`{name}` is 0: give the size of the buffer, in bytes"
        );
        Direction {
            state: State::Copying,
            buffer: vec![0; size].into(),
            start: 0,
            end: 0,
            at_end: false,
            needs_flush: false,
            copied: 0,
        }
    }

    /// Copies until a stream is not ready. Returns the number of bytes when the direction has
    /// ended, also if it is polled again after that.
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        if let State::Copying = self.state {
            ready!(self.poll_copy(cx, reader, writer.as_mut()))?;
            self.state = State::Closing;
        }
        if let State::Closing = self.state {
            ready!(writer.poll_close(cx))?;
            self.state = State::Ended;
        }
        Poll::Ready(Ok(self.copied))
    }

    /// Copies until the reader is at its end and all its bytes are written.
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        'read: loop {
            // More bytes are read while some wait to be written, so that writes are large.
            let mut is_pending = false;
            let may_read = !self.at_end && self.end < self.buffer.len();
            if may_read {
                let free = &mut self.buffer[self.end..];
                match repeat(|| reader.as_mut().poll_read(cx, free)) {
                    Poll::Ready(Ok(0)) => self.at_end = true,
                    Poll::Ready(Ok(n)) => self.end += n,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => is_pending = true,
                }
            }
            while self.start < self.end {
                let bytes = &self.buffer[self.start..self.end];
                let n = match repeat(|| writer.as_mut().poll_write(cx, bytes)) {
                    Poll::Ready(result) => result?,
                    // Read on until the buffer is full, or the reader has stored the waker.
                    Poll::Pending if may_read && !is_pending => continue 'read,
                    Poll::Pending => return Poll::Pending,
                };
                if n == 0 {
                    let text = "the writer takes no more bytes";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, text)));
                }
                self.start += n;
                self.copied += n as u64;
                self.needs_flush = true;
            }
            (self.start, self.end) = (0, 0);
            if self.at_end {
                return Poll::Ready(Ok(()));
            }
            if is_pending {
                // The peer may need these bytes before it replies.
                if self.needs_flush {
                    ready!(writer.as_mut().poll_flush(cx))?;
                    self.needs_flush = false;
                }
                return Poll::Pending;
            }
        }
    }
}

/// Repeats an operation that was interrupted.
fn repeat(mut poll: impl FnMut() -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    loop {
        match poll() {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

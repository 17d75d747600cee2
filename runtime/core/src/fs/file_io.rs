//! The I/O traits of a [`File`], and waiting until nothing is in flight.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::file::File;
use super::stream::total;
use crate::task::coop;
use crate::task::waiters::Place;

impl File {
    /// Polls until no operation is in flight, as the waiter with that place. Wakers run user code
    /// in here, while nothing is borrowed.
    fn poll_idle(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        if self.stream.borrow().busy.is_none() {
            return Poll::Ready(());
        }
        let progress = ready!(coop::poll_proceed(cx));
        if self.stream.borrow_mut().poll_idle().is_pending() {
            let waiting = self.stream.borrow();
            let waiters = waiting.waiting.as_ref().map(|it| it.waiters.clone());
            drop(waiting);
            if let Some(waiters) = waiters {
                waiters.store(place, cx.waker());
            }
            // The operation may have ended before the waker was stored.
            ready!(self.stream.borrow_mut().poll_idle());
        }
        progress.made_progress();
        Poll::Ready(())
    }

    /// Same as `poll_idle`, for the `poll_*` functions: only their last caller is woken.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut place = self.stream.get_mut().place;
        let idle = self.poll_idle(&mut place, cx);
        self.stream.get_mut().place = place;
        idle
    }

    /// Waits until no operation is in flight. Errors stay recorded for the caller to take.
    pub(super) fn idle(&self) -> impl Future<Output = ()> {
        Idle {
            file: self,
            place: None,
        }
    }

    /// Waits until no operation is in flight. Returns the error of a write that no operation has
    /// reported yet.
    pub(super) async fn settle(&self) -> io::Result<()> {
        self.idle().await;
        self.stream.borrow_mut().write_errors.report()
    }

    /// Waits until all buffered writes are written. For the error see `WriteErrors`.
    pub(super) async fn flush_writes(&self) -> io::Result<()> {
        let since = self.stream.borrow().write_errors.begin_flush();
        self.idle().await;
        self.stream.borrow_mut().write_errors.end_flush(since)
    }
}

/// Future of [`File::idle`].
struct Idle<'a> {
    file: &'a File,
    place: Place,
}

impl Future for Idle<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.file.poll_idle(&mut this.place, cx)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        if self.place.is_none() {
            return;
        }
        let stream = self.file.stream.borrow();
        let waiters = stream.waiting.as_ref().map(|it| it.waiters.clone());
        drop(stream);
        if let Some(waiters) = waiters {
            waiters.remove(&mut self.place);
        }
    }
}

/// # Cancel safety
///
/// Cancel-safe: bytes that were read after the future was dropped are returned by the next read.
impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(buf)])
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let want = total(bufs.iter().map(|buf| buf.len()), self.most);
        if want == 0 {
            return Poll::Ready(Ok(0));
        }
        loop {
            if let Some(count) = self.stream.get_mut().hand_out(bufs) {
                return Poll::Ready(Ok(count));
            }
            ready!(self.poll_turn(cx));
            let File { file, stream, .. } = &mut *self;
            let stream = stream.get_mut();
            stream.write_errors.report()?;
            if let Some(error) = stream.read_error.take() {
                return Poll::Ready(Err(error));
            }
            if std::mem::take(&mut stream.at_end) {
                return Poll::Ready(Ok(0));
            }
            if stream.start == stream.buf.len() {
                stream.begin_read(file, want);
            }
        }
    }
}

/// A write is buffered at once, at most [`File::max_buf_size`] bytes, when the write before it has
/// ended; a later call returns its error. `poll_flush` waits until the system has the bytes, not
/// until they are on the disk: for that see [`File::sync_all`].
impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    /// Buffers as much of all `bufs` as one write takes.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        let File { file, stream, most } = &mut *self;
        let stream = stream.get_mut();
        stream.write_errors.report()?;
        let total = total(bufs.iter().map(|buf| buf.len()), *most);
        if total > 0 {
            stream.begin_write(file, bufs, total)?;
        }
        Poll::Ready(Ok(total))
    }

    /// Returns an error once if a buffered write has failed since the last flush.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_turn(cx));
        let write_errors = &mut self.stream.get_mut().write_errors;
        let since = write_errors.begin_flush();
        Poll::Ready(write_errors.end_flush(since))
    }

    /// Flushes; the file is closed when it is dropped.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_turn(cx));
        let File { file, stream, .. } = &mut *self;
        let stream = stream.get_mut();
        stream.write_errors.report()?;
        stream.rewind(file)?;
        // Seeking only sets a number, so it does not block.
        Poll::Ready((&**file).seek(to))
    }
}

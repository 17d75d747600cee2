//! A file as a stream of bytes: one operation at a time, where the cursor stands.
//!
//! The operation in flight is kept here, not in the caller's future, so nothing is lost when that
//! one is dropped: the next call finds what was read, or waits for what is being written.

use std::fs;
use std::future::Future;
use std::io::{self, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_util::io::{AsyncRead, AsyncSeek, AsyncWrite};
use rustix::fs::OFlags;

use super::File;
use super::op::Op;
use super::request::{Reply, Request};

/// The most that one operation transfers.
const CHUNK: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Stream {
    busy: Option<Op>,
    /// What was read and not handed out yet, from `start` on; else memory for the next operation.
    buf: Vec<u8>,
    start: usize,
    at_end: bool,
    /// Of a write, for the next call.
    error: Option<io::Error>,
    /// Where the cursor stood when `busy` began; `None`: a pipe has none.
    before: Option<u64>,
    /// Who waits for `busy` through shared references.
    waiting: Vec<Waker>,
}

impl Stream {
    /// Waits for what is in flight, and goes on with a write that came short.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(op) = &mut self.busy {
            let (result, request) = ready!(Pin::new(op).poll(cx));
            self.busy = None;
            match (result, request) {
                (Err(error), Some(request)) if error.kind() == io::ErrorKind::Interrupted => {
                    self.busy = Some(Op::detached(request));
                }
                (Err(error), _) => self.error = Some(error),
                (Ok(Reply::Count(count)), Some(request)) => self.take_in(count, request),
                (Ok(_), _) => {}
            }
        }
        Poll::Ready(())
    }

    fn take_in(&mut self, count: usize, request: Request) {
        match request {
            Request::Read {
                file, buf, want, ..
            } => {
                if count < want {
                    self.correct_cursor(&file, count);
                }
                self.at_end = count == 0;
                (self.buf, self.start) = (buf, 0);
            }
            Request::Write {
                file,
                buf,
                from,
                at,
            } => {
                let rest = from + count;
                if rest == buf.len() {
                    self.buf = buf;
                    self.forget();
                } else if count == 0 {
                    self.error = Some(io::ErrorKind::WriteZero.into());
                } else {
                    self.correct_cursor(&file, count);
                    self.busy = Some(Op::detached(Request::Write {
                        file,
                        buf,
                        from: rest,
                        at,
                    }));
                }
            }
            Request::Open { .. } | Request::Sync { .. } => {}
        }
    }

    /// After a transfer that came short: where the ring hits an error behind the first part, as on
    /// a full disk, it tells of that part but leaves the cursor in front of it.
    fn correct_cursor(&mut self, mut file: &fs::File, count: usize) {
        // If it stands elsewhere, it was moved on, by this transfer or by others that share it.
        if let Some(before) = self.before
            && count > 0
            && file.stream_position().is_ok_and(|now| now == before)
            && !rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags.contains(OFlags::APPEND))
        {
            // It had a cursor before, so it has one now.
            let _ = file.seek(SeekFrom::Start(before + count as u64));
        }
        self.before = file.stream_position().ok();
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_idle(cx));
        Poll::Ready(self.error.take().map_or(Ok(()), Err))
    }

    /// Puts the cursor back to where the caller believes it is: what was read and not handed out
    /// has not been read.
    pub(super) fn rewind(&mut self, file: &fs::File) -> io::Result<()> {
        let left = self.buf.len() - self.start;
        if left > 0 {
            let mut file = file;
            file.seek(SeekFrom::Current(-(left as i64)))?;
        }
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.buf.clear();
        self.start = 0;
        self.at_end = false;
    }

    /// Memory for an operation of that size.
    fn memory(&mut self, size: usize) -> Vec<u8> {
        self.forget();
        let mut buf = std::mem::take(&mut self.buf);
        buf.reserve_exact(size);
        buf
    }

    fn poll_read(
        &mut self,
        file: &Arc<fs::File>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let left = &self.buf[self.start..];
            if !left.is_empty() {
                let count = left.len().min(buf.len());
                buf[..count].copy_from_slice(&left[..count]);
                self.start += count;
                return Poll::Ready(Ok(count));
            }
            ready!(self.poll_settled(cx))?;
            if std::mem::take(&mut self.at_end) {
                return Poll::Ready(Ok(0));
            }
            if self.start == self.buf.len() {
                let want = buf.len().min(CHUNK);
                let request = Request::Read {
                    file: file.clone(),
                    buf: self.memory(want),
                    want,
                    at: None,
                };
                self.before = (&**file).stream_position().ok();
                self.busy = Some(Op::new(request));
            }
        }
    }

    fn poll_write(
        &mut self,
        file: &Arc<fs::File>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_settled(cx))?;
        self.rewind(file)?;
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let data = &data[..data.len().min(CHUNK)];
        let mut buf = self.memory(data.len());
        buf.extend_from_slice(data);
        self.before = (&**file).stream_position().ok();
        self.busy = Some(Op::detached(Request::Write {
            file: file.clone(),
            buf,
            from: 0,
            at: None,
        }));
        Poll::Ready(Ok(data.len()))
    }

    fn poll_seek(
        &mut self,
        mut file: &fs::File,
        cx: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_settled(cx))?;
        self.rewind(file)?;
        // It only sets a number, so it does not block.
        Poll::Ready(file.seek(to))
    }
}

impl File {
    /// Waits until nothing is in flight, and gives the error of a write that nobody has heard of.
    pub(super) fn settle(&self) -> impl Future<Output = io::Result<()>> {
        Settle(self)
    }
}

/// Several may wait through shared references, but an operation wakes only one. So whoever is done,
/// or is dropped, wakes the others.
struct Settle<'a>(&'a File);

impl Future for Settle<'_> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let settled = self.0.stream.borrow_mut().poll_settled(cx);
        let knows = |one: &Waker| one.will_wake(cx.waker());
        if settled.is_pending() && !self.0.stream.borrow().waiting.iter().any(knows) {
            // It may be anyone's.
            let waker = cx.waker().clone();
            self.0.stream.borrow_mut().waiting.push(waker);
        }
        settled
    }
}

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        let waiting = std::mem::take(&mut self.0.stream.borrow_mut().waiting);
        for waker in waiting {
            crate::task::waker::wake_quietly(waker);
        }
    }
}

/// # Cancel safety
///
/// What was read while nobody waited is given to the next read.
impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let File { file, stream } = &mut *self;
        stream.get_mut().poll_read(file, cx, buf)
    }
}

/// A write is taken over at once, 256 KiB at the most, when the one before has ended; its error
/// comes with a later call. `poll_flush` waits until it is written to the system, not to the disk:
/// for that see [`File::sync_all`].
impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let File { file, stream } = &mut *self;
        stream.get_mut().poll_write(file, cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.get_mut().poll_settled(cx)
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
        let File { file, stream } = &mut *self;
        stream.get_mut().poll_seek(file, cx, to)
    }
}

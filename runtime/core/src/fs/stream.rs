//! A file as a stream of bytes: one operation at a time, where the cursor stands.
//!
//! The operation in flight is kept here, not in the caller's future, so nothing is lost when that
//! one is dropped: the next call finds what was read, or waits for what is being written.

use std::fs;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_util::io::{AsyncRead, AsyncSeek, AsyncWrite};
use rustix::fs::OFlags;

use super::File;
use super::op::Op;
use super::request::{Reply, Request};
use crate::blocking::Failures;
use crate::task::coop;
use crate::task::waiters::{Place, Waiters};

/// The most that one operation transfers.
const CHUNK: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Stream {
    busy: Option<Op>,
    /// What was read and not handed out yet, from `start` on; else memory for the next operation.
    buf: Vec<u8>,
    start: usize,
    at_end: bool,
    /// Of a read, for the next read.
    read_error: Option<io::Error>,
    /// Of writes that were taken over.
    failures: Failures,
    /// Where the cursor stood when `busy` began; `None`: a pipe has none.
    before: Option<u64>,
    /// Those who wait for `busy`, from the first wait on.
    waiting: Option<Waiting>,
    /// The place of the newest caller of a `poll_*` function.
    place: Place,
}

/// Several may wait for `busy` through shared references, and an operation keeps one waker. So it is
/// given that of the list, which wakes them all. It is made once for each file that waits.
struct Waiting {
    waiters: Arc<Waiters>,
    waker: Waker,
}

impl Default for Waiting {
    fn default() -> Waiting {
        let waiters = Arc::new(Waiters::new());
        let waker = waiters.clone().into();
        Waiting { waiters, waker }
    }
}

impl Stream {
    /// Takes in what is in flight once it has ended, and goes on with a write that came short. Its
    /// end wakes the waiters. No user code runs in here, as the file may be borrowed.
    fn poll_idle(&mut self) -> Poll<()> {
        while let Some(op) = &mut self.busy {
            let waiting = self.waiting.get_or_insert_default();
            let mut cx = Context::from_waker(&waiting.waker);
            let (result, request) = ready!(op.poll_ended(&mut cx));
            self.busy = None;
            match (result, request) {
                (Err(error), Some(request)) if error.kind() == io::ErrorKind::Interrupted => {
                    self.busy = Some(Op::detached(request));
                }
                (Err(error), Some(Request::Read { .. })) => self.read_error = Some(error),
                (Err(error), _) => self.failures.record(error),
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
                    self.failures.record(io::ErrorKind::WriteZero.into());
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
        self.read_error = None;
    }

    /// Memory for an operation of that size.
    fn memory(&mut self, size: usize) -> Vec<u8> {
        self.forget();
        let mut buf = std::mem::take(&mut self.buf);
        buf.reserve_exact(size);
        buf
    }

    /// Gives out what has been read; `None`: nothing has.
    fn hand_out(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Option<usize> {
        let before = self.start;
        for buf in bufs {
            let left = &self.buf[self.start..];
            let count = left.len().min(buf.len());
            buf[..count].copy_from_slice(&left[..count]);
            self.start += count;
        }
        (self.start > before).then_some(self.start - before)
    }

    fn begin_read(&mut self, file: &Arc<fs::File>, want: usize) {
        let request = Request::Read {
            file: file.clone(),
            buf: self.memory(want),
            want,
            at: None,
        };
        self.before = (&**file).stream_position().ok();
        self.busy = Some(Op::new(request));
    }

    fn begin_write(
        &mut self,
        file: &Arc<fs::File>,
        bufs: &[IoSlice<'_>],
        total: usize,
    ) -> io::Result<()> {
        self.rewind(file)?;
        let mut data = self.memory(total);
        for buf in bufs {
            let left = total - data.len();
            data.extend_from_slice(&buf[..buf.len().min(left)]);
        }
        self.before = (&**file).stream_position().ok();
        self.busy = Some(Op::detached(Request::Write {
            file: file.clone(),
            buf: data,
            from: 0,
            at: None,
        }));
        Ok(())
    }
}

/// How much one operation transfers of buffers of these lengths.
fn total(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.fold(0, usize::saturating_add).min(CHUNK)
}

impl File {
    /// Waits until nothing is in flight, as the waiter with that place. User code runs in here, that
    /// of wakers, while nothing is borrowed.
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
            // Anything may have happened before the waker was in its place.
            ready!(self.stream.borrow_mut().poll_idle());
        }
        progress.made_progress();
        Poll::Ready(())
    }

    /// The same for the `poll_*` functions, of which the newest caller is woken.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut place = self.stream.get_mut().place;
        let idle = self.poll_idle(&mut place, cx);
        self.stream.get_mut().place = place;
        idle
    }

    /// Waits until nothing is in flight. What has to be told then is for the caller to ask.
    pub(super) fn idle(&self) -> impl Future<Output = ()> {
        Idle {
            file: self,
            place: None,
        }
    }

    /// Waits until nothing is in flight, and gives the error of a write that no operation has told.
    pub(super) async fn settle(&self) -> io::Result<()> {
        self.idle().await;
        self.stream.borrow_mut().failures.tell()
    }

    /// Waits until all that was taken over is written. For its error see [`Failures`].
    pub(super) async fn flush_writes(&self) -> io::Result<()> {
        let since = self.stream.borrow().failures.begin_flush();
        self.idle().await;
        self.stream.borrow_mut().failures.end_flush(since)
    }
}

/// The future of [`File::idle`].
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
/// What was read while nobody waited is given to the next read.
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
        let want = total(bufs.iter().map(|buf| buf.len()));
        if want == 0 {
            return Poll::Ready(Ok(0));
        }
        loop {
            if let Some(count) = self.stream.get_mut().hand_out(bufs) {
                return Poll::Ready(Ok(count));
            }
            ready!(self.poll_turn(cx));
            let File { file, stream } = &mut *self;
            let stream = stream.get_mut();
            stream.failures.tell()?;
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

/// A write is taken over at once, 256 KiB at the most, when the one before has ended; its error
/// comes with a later call. `poll_flush` waits until it is written to the system, not to the disk:
/// for that see [`File::sync_all`].
impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    /// Takes over as much of all buffers as one write takes.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_turn(cx));
        let File { file, stream } = &mut *self;
        let stream = stream.get_mut();
        stream.failures.tell()?;
        let total = total(bufs.iter().map(|buf| buf.len()));
        if total > 0 {
            stream.begin_write(file, bufs, total)?;
        }
        Poll::Ready(Ok(total))
    }

    /// Fails once if a write that was taken over has failed since the last flush.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_turn(cx));
        let failures = &mut self.stream.get_mut().failures;
        let since = failures.begin_flush();
        Poll::Ready(failures.end_flush(since))
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
        let File { file, stream } = &mut *self;
        let stream = stream.get_mut();
        stream.failures.tell()?;
        stream.rewind(file)?;
        // It only sets a number, so it does not block.
        Poll::Ready((&**file).seek(to))
    }
}

//! State of a file used as a stream of bytes: one operation at a time, at the cursor.
//!
//! The operation in flight is kept here, not in the caller's future, so dropping that future loses
//! nothing: the next call finds the bytes that were read, or waits for the write.
//!
//! Writes are buffered, so that dropping the future of a write leaves no doubt about what is
//! written: the write is carried out even if the file, the task and the runtime end. Such jobs of
//! the pool are mandatory, and such requests of the ring are not cancelled.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Seek, SeekFrom};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use rustix::fs::OFlags;

use super::op::Op;
use super::request::{Reply, Request};
use crate::blocking::WriteErrors;
use crate::task::waiters::{Place, Waiters};

/// Default of the maximum number of bytes that one operation transfers.
pub(super) const CHUNK: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct StreamState {
    pub(super) busy: Option<Op>,
    /// Bytes that were read and not handed out yet, from `start` on; otherwise memory for the next
    /// operation.
    pub(super) buf: Vec<u8>,
    pub(super) start: usize,
    pub(super) at_end: bool,
    /// Error of a read, returned by the next read.
    pub(super) read_error: Option<io::Error>,
    /// Errors of buffered writes.
    pub(super) write_errors: WriteErrors,
    /// Cursor when `busy` began; `None` for a pipe, which has no cursor.
    before: Option<u64>,
    /// Waiters for `busy`; made at the first wait.
    pub(super) waiting: Option<Waiting>,
    /// Place in the list of the last caller of a `poll_*` function.
    pub(super) place: Place,
}

/// List of waiters, and its waker. Several tasks may wait for `busy` through shared references, but
/// an operation keeps one waker: the waker of the list, which wakes all waiters.
pub(super) struct Waiting {
    pub(super) waiters: Arc<Waiters>,
    waker: Waker,
}

impl Default for Waiting {
    fn default() -> Waiting {
        let waiters = Arc::new(Waiters::new());
        let waker = waiters.clone().into();
        Waiting { waiters, waker }
    }
}

impl StreamState {
    /// Processes the operation in flight once it has ended, and continues a short write. The end of
    /// the operation wakes the waiters. No user code runs in here, as the file may be borrowed.
    pub(super) fn poll_idle(&mut self) -> Poll<()> {
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
                (Err(error), _) => self.write_errors.record(error),
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
                    self.write_errors.record(io::ErrorKind::WriteZero.into());
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

    /// Corrects the cursor after a short transfer. If the ring meets an error after the first part,
    /// as on a full disk, it reports that part but does not move the cursor past it.
    fn correct_cursor(&mut self, mut file: &fs::File, count: usize) {
        // If the cursor is elsewhere, this transfer or another handle that shares it has moved it.
        if let Some(before) = self.before
            && count > 0
            && file.stream_position().is_ok_and(|now| now == before)
            && !rustix::fs::fcntl_getfl(file).is_ok_and(|flags| flags.contains(OFlags::APPEND))
        {
            // The file had a cursor before, so seeking can't fail.
            let _ = file.seek(SeekFrom::Start(before + count as u64));
        }
        self.before = file.stream_position().ok();
    }

    /// Moves the cursor back to the caller's view of it: before the bytes that were read and not
    /// handed out.
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

    /// Returns an empty buffer with capacity for `size` bytes.
    fn memory(&mut self, size: usize) -> Vec<u8> {
        self.forget();
        let mut buf = std::mem::take(&mut self.buf);
        buf.reserve_exact(size);
        buf
    }

    /// Copies bytes that were read into `bufs`; `None` if there are none.
    pub(super) fn hand_out(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Option<usize> {
        let before = self.start;
        for buf in bufs {
            let left = &self.buf[self.start..];
            let count = left.len().min(buf.len());
            buf[..count].copy_from_slice(&left[..count]);
            self.start += count;
        }
        (self.start > before).then_some(self.start - before)
    }

    pub(super) fn begin_read(&mut self, file: &Arc<fs::File>, want: usize) {
        let request = Request::Read {
            file: file.clone(),
            buf: self.memory(want),
            want,
            at: None,
        };
        self.before = (&**file).stream_position().ok();
        self.busy = Some(Op::new(request));
    }

    pub(super) fn begin_write(
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

/// Returns how many bytes one operation transfers of buffers with these lengths, at most `most`.
pub(super) fn total(lengths: impl Iterator<Item = usize>, most: usize) -> usize {
    lengths.fold(0, usize::saturating_add).min(most)
}

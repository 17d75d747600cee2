//! Requests to the system about files. A request owns all memory that the system reads and writes,
//! so it can outlive the future that made it.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::sys::sync_file;

#[derive(Debug)]
pub(super) enum Request {
    Open {
        path: CString,
        flags: OFlags,
        mode: Mode,
    },
    /// Appends at most `want` bytes to `buf`, which has the capacity. `at: None` reads at the
    /// file's cursor and moves it.
    Read {
        file: Arc<fs::File>,
        buf: Vec<u8>,
        want: usize,
        at: Option<u64>,
    },
    /// Writes `buf[from..]`.
    Write {
        file: Arc<fs::File>,
        buf: Vec<u8>,
        from: usize,
        at: Option<u64>,
    },
    Sync {
        file: Arc<fs::File>,
        data_only: bool,
    },
}

#[derive(Debug)]
pub(super) enum Reply {
    Opened(OwnedFd),
    /// Bytes read or written.
    Count(usize),
    Done,
}

/// Result of a request, and the request with its buffers.
pub(super) type Outcome = (io::Result<Reply>, Request);

/// As [`Outcome`], but a runtime that has ended does not return the request.
pub(super) type Ended = (io::Result<Reply>, Option<Request>);

/// Transfers of at least this size, in bytes, go to the pool with either backend. The ring would
/// hand them to a kernel thread, which keeps its processor for the whole copy on kernels built
/// without preemption; a thread of the pool can be preempted between two transfers.
const LARGE: usize = 64 * 1024;

impl Request {
    pub(super) fn is_large(&self) -> bool {
        match self {
            Request::Read { want, .. } => *want >= LARGE,
            Request::Write { buf, from, .. } => buf.len() - from >= LARGE,
            Request::Open { .. } | Request::Sync { .. } => false,
        }
    }

    /// Performs the request with blocking calls, on a thread that may block.
    pub(super) fn perform(mut self) -> Outcome {
        let result = retry(|| self.attempt());
        (result.map_err(io::Error::from), self)
    }

    fn attempt(&mut self) -> Result<Reply, Errno> {
        match self {
            Request::Open { path, flags, mode } => {
                rustix::fs::openat(CWD, path.as_c_str(), *flags, *mode).map(Reply::Opened)
            }
            Request::Read {
                file,
                buf,
                want,
                at,
            } => {
                let start = buf.len();
                buf.resize(start + *want, 0);
                let count = match at {
                    Some(at) => rustix::io::pread(&**file, &mut buf[start..], *at),
                    None => rustix::io::read(&**file, &mut buf[start..]),
                };
                buf.truncate(start + *count.as_ref().unwrap_or(&0));
                count.map(Reply::Count)
            }
            Request::Write {
                file,
                buf,
                from,
                at,
            } => match at {
                Some(at) => rustix::io::pwrite(&**file, &buf[*from..], *at),
                None => rustix::io::write(&**file, &buf[*from..]),
            }
            .map(Reply::Count),
            Request::Sync { file, data_only } => {
                sync_file(&**file, *data_only).map(|()| Reply::Done)
            }
        }
    }
}

/// Calls `attempt` again while a signal interrupts it.
fn retry<T>(mut attempt: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match attempt() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_call_is_made_again() {
        let mut interruptions = 3;
        let result = retry(|| {
            if interruptions > 0 {
                interruptions -= 1;
                return Err(Errno::INTR);
            }
            Ok(7)
        });
        assert_eq!(result, Ok(7));
        assert_eq!(retry::<()>(|| Err(Errno::NOSPC)), Err(Errno::NOSPC));
    }
}

//! What is asked of the system about files. It owns everything that the system reads and writes
//! meanwhile, so that it can outlive the future that asked.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

#[derive(Debug)]
pub(super) enum Request {
    Open {
        path: CString,
        flags: OFlags,
        mode: Mode,
    },
    /// Reads at most `want` bytes behind what `buf` holds, which has the capacity. Without a place
    /// it reads where the file's own cursor stands, and moves it.
    Read {
        file: Arc<fs::File>,
        buf: Vec<u8>,
        want: usize,
        at: Option<u64>,
    },
    /// Writes what `buf` holds from `from` on.
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

/// The answer, and the request with its buffers.
pub(super) type Outcome = (io::Result<Reply>, Request);

/// As [`Outcome`], but a runtime that has ended does not return the request.
pub(super) type Ended = (io::Result<Reply>, Option<Request>);

/// A transfer from this size on is the pool's, with either backend. The ring would hand it to a thread
/// of the kernel, and while that copies, no other thread gets its processor where the kernel is built
/// to be preempted by none; a thread of the pool gives way between two transfers.
const LARGE: usize = 64 * 1024;

impl Request {
    pub(super) fn is_large(&self) -> bool {
        match self {
            Request::Read { want, .. } => *want >= LARGE,
            Request::Write { buf, from, .. } => buf.len() - from >= LARGE,
            Request::Open { .. } | Request::Sync { .. } => false,
        }
    }

    /// Does it here and now, on a thread that may block.
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
                let sync = match data_only {
                    #[cfg(not(target_vendor = "apple"))]
                    true => rustix::fs::fdatasync(&**file),
                    _ => rustix::fs::fsync(&**file),
                };
                sync.map(|()| Reply::Done)
            }
        }
    }
}

/// Again and again while a signal interrupts it.
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

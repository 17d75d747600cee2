//! Error for a thread that could not be started.

use std::error::Error;
use std::fmt;
use std::io;

/// Wraps the system's error for a thread that it did not start. The kind becomes `Other`, as the
/// system's kind is `WouldBlock`, which has another meaning here.
pub(super) fn no_thread(error: io::Error) -> io::Error {
    io::Error::other(NoThread(error))
}

#[derive(Debug)]
struct NoThread(io::Error);

impl fmt::Display for NoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the system gives no thread for a call that blocks, and none is running: {}: raise the \
             limit of processes (RLIMIT_NPROC, or pids.max of the cgroup), or have fewer threads",
            self.0
        )
    }
}

impl Error for NoThread {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

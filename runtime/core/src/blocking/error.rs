//! A thread that can't be started.

use std::error::Error;
use std::fmt;
use std::io;

/// The system's error about a thread that it does not give. Its own kind is `WouldBlock`, which an
/// operation that would block has, so this is of another.
pub(super) fn no_thread(error: io::Error) -> io::Error {
    io::Error::other(NoThread(error))
}

#[derive(Debug)]
struct NoThread(io::Error);

impl fmt::Display for NoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the system gives no thread for a call that blocks, and none is running: {}: raise the limit \
             of processes (RLIMIT_NPROC, or pids.max of the cgroup), or have fewer threads",
            self.0
        )
    }
}

impl Error for NoThread {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

//! Pipes of the runtime itself.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Returns the read end and the write end of a pipe, both nonblocking and close-on-exec.
pub(crate) fn pipe() -> io::Result<(Arc<OwnedFd>, Arc<OwnedFd>)> {
    let (read, write) = io::pipe()?;
    let (read, write) = (OwnedFd::from(read), OwnedFd::from(write));
    rustix::io::ioctl_fionbio(&read, true)?;
    rustix::io::ioctl_fionbio(&write, true)?;
    Ok((Arc::new(read), Arc::new(write)))
}

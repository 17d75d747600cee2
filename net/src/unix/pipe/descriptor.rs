//! The descriptor of a pipe: its kind, its access and its blocking mode.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use wakeful_core::reactor::Async;

pub(super) fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(fd)
}

pub(super) fn into_blocking(pipe: Async<File>) -> io::Result<OwnedFd> {
    let file = pipe.into_inner()?;
    rustix::io::ioctl_fionbio(&file, false)?;
    Ok(file.into())
}

/// Checks that the descriptor is a pipe and open for `what`. `refused` is the access mode that is
/// not allowed.
pub(super) fn check(fd: impl AsFd, refused: OFlags, what: &str) -> io::Result<()> {
    let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::Fifo {
        return invalid("it is not a pipe".to_owned());
    }
    if fcntl_getfl(&fd)? & OFlags::RWMODE == refused {
        return invalid(format!("the pipe is not open for {what}"));
    }
    Ok(())
}

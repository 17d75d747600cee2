//! A descriptor of a child process: not supported.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

pub(crate) fn pidfd(_: &Child) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

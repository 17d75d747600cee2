//! A descriptor of a child process.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Returns a descriptor that becomes readable when the child ends.
pub(crate) fn pidfd(child: &Child) -> io::Result<OwnedFd> {
    // The id can't be reused before this process has been waited for.
    Ok(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?)
}

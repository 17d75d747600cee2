//! Errors with which a system refuses a call.

use rustix::io::Errno;

/// Whether the error means that the kernel does not have a call, or that a sandbox forbids it.
pub(crate) fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::PERM | Errno::ACCESS)
}

//! Pinning of threads to processors: not supported.

use std::io;

pub(crate) fn allowed_cpus() -> io::Result<Vec<usize>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn pin_to_cpu(_cpu: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

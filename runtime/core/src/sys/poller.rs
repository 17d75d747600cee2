//! The poller of the crate `polling`, with errors that say which call was refused.

use std::io;

use polling::Poller;
use rustix::io::Errno;

use super::{is_refusal, refused_call};

/// Makes a poller. If the system refuses a call, the error names it.
pub(crate) fn poller() -> io::Result<Poller> {
    Poller::new().map_err(|error| refused(error, refused_call))
}

/// Adds to an error which call was refused and what to do.
pub(crate) fn refused(error: io::Error, call: impl FnOnce() -> &'static str) -> io::Error {
    if !Errno::from_io_error(&error).is_some_and(is_refusal) {
        return error;
    }
    let call = call();
    io::Error::new(
        error.kind(),
        format!(
            "the reactor needs {call}, which the system refuses ({error}): allow it in the sandbox \
             (seccomp profile) of this process"
        ),
    )
}

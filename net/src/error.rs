//! Errors that name the operation that failed.

use std::fmt;
use std::io;

use rustix::io::Errno;

/// Error of the system with the operation and its argument. The kind stays the same; the original
/// error is the `source`.
#[derive(Debug)]
struct Tried {
    what: String,
    error: io::Error,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

impl std::error::Error for Tried {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Adds the operation and its argument to an error: `tried("connect", addr)(error)`.
pub(crate) fn tried<T: fmt::Display>(what: &str, with: T) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        let what = format!("{what} {with}");
        io::Error::new(error.kind(), Tried { what, error })
    }
}

/// Whether this is the system's error `errno`.
pub(crate) fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

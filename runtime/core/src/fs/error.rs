//! Errors of file operations.

use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use crate::blocking::Missing;
use crate::shutdown_error::runtime_ended;

/// Error of the system with the operation and the path. The kind stays the same; the original error
/// is the `source`.
#[derive(Debug)]
struct Tried {
    what: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.what, self.path.display(), self.error)
    }
}

impl std::error::Error for Tried {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Adds the operation and the path to an error: `tried("open", path)(error)`.
pub(super) fn tried(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.to_owned();
    move |error| io::Error::new(error.kind(), Tried { what, path, error })
}

/// Returns the error for an operation whose result the pool dropped; a panic is resumed.
pub(super) fn lost(missing: Missing) -> io::Error {
    match missing {
        Missing::Panicked(payload) => resume_unwind(payload),
        Missing::Dropped => runtime_ended("the runtime ended before this file operation began"),
    }
}

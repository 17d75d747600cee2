//! Errors of operations that their runtime can't complete, as it has ended.

use std::error::Error;
use std::fmt;
use std::io;

#[derive(Debug)]
struct RuntimeEnded(&'static str);

impl fmt::Display for RuntimeEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for RuntimeEnded {}

/// Returns an error for which [`is_rt_shutdown_err`] is true. `text` says what was not done.
#[cold]
pub(crate) fn runtime_ended(text: &'static str) -> io::Error {
    io::Error::other(RuntimeEnded(text))
}

/// Whether an operation failed because its runtime has ended, also if the error describes the
/// operation.
///
/// Waiting for a descriptor fails this way after its runtime was dropped, and so do file operations
/// and writes to the standard output that had not begun.
///
/// ```
/// use std::os::unix::net::UnixStream;
/// use wakeful::reactor::{Async, Interest};
/// use wakeful::runtime::is_rt_shutdown_err;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Runtime::new()?;
/// let stream = runtime.enter(|| Async::new(UnixStream::pair()?.0))?;
/// drop(runtime);
/// let error = wakeful::block_on(stream.source().ready(Interest::READABLE)).unwrap_err();
/// assert!(is_rt_shutdown_err(&error));
/// # Ok(())
/// # }
/// ```
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    let Some(inner) = error.get_ref() else {
        return false;
    };
    let source = || inner.source()?.downcast_ref();
    inner.is::<RuntimeEnded>() || source().is_some_and(is_rt_shutdown_err)
}

//! Threads that nothing waits for.

use std::io;
use std::thread;

use super::error::no_thread;

/// Starts a thread that belongs to the process, not to a runtime: it ends with the process, in the
/// middle of what it does.
///
/// # Errors
///
/// If the system gives no thread.
pub(crate) fn run_detached(name: &str, f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(f).map_err(no_thread)?;
    Ok(())
}

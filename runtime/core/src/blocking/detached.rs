//! Threads that no runtime waits for.

use std::io;
use std::thread;

use super::error::no_thread;

/// Starts a thread that belongs to the process, not to a runtime. The end of the process does not
/// wait for it.
///
/// # Errors
///
/// Returns an error if the system starts no thread.
#[allow(
    dead_code,
    reason = "for standard streams, and for the completion ring"
)]
pub(crate) fn run_detached(name: &str, f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(f).map_err(no_thread)?;
    Ok(())
}

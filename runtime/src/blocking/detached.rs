//! Threads that nobody waits for.

use std::io;
use std::thread;

/// Starts a thread that belongs to the process, not to a runtime: it ends with the process, in the
/// middle of what it does.
pub(crate) fn run_detached(name: &str, f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(f)?;
    Ok(())
}

//! A list of the tasks at a signal.

use std::io;

use super::dump;
use crate::group::spawn_background;
use crate::signal::unix::{SignalKind, signal};
use crate::task::JoinHandle;

/// Prints the tasks of this thread's runtime to standard error whenever the process receives a
/// signal, such as `SIGUSR1`: for a service that seems stuck.
///
/// The list is that of [`dump`](super::dump()). A task in the background prints it, so it needs a
/// loop that runs; abort the task to end it. The task itself is in the list. While it exists, the
/// loop has a signal to wait for: [`Builder::detect_deadlocks`](crate::Builder::detect_deadlocks)
/// then finds the tasks that wait for each other, but does not say that no task can run any more.
///
/// # Errors
///
/// If the signal can't be listened for.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```no_run
/// use wakeful::signal::unix::SignalKind;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Builder::new().detect_deadlocks(true).build()?;
/// runtime.block_on(async {
///     wakeful::runtime::dump_on_signal(SignalKind::user_defined1())?;
///     // `kill -USR1 PID` prints the tasks from here on.
///     std::future::pending().await
/// })
/// # }
/// ```
#[track_caller]
pub fn dump_on_signal(kind: SignalKind) -> io::Result<JoinHandle<()>> {
    let mut signals = signal(kind)?;
    Ok(spawn_background(async move {
        while signals.recv().await.is_some() {
            crate::report::report!("{}", dump());
        }
    }))
}

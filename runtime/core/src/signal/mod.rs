//! Signals, delivered through the reactor: an ordinary task waits for them, without the
//! restrictions of a signal handler.
//!
//! ```no_run
//! use wakeful::signal;
//!
//! # fn main() -> std::io::Result<()> {
//! wakeful::block_on(async {
//!     println!("ctrl-c ends this");
//!     signal::ctrl_c().await
//! })
//! # }
//! ```
//!
//! Rules for all signals:
//!
//! - The first listener of a kind replaces the default action of that signal for the rest of the
//!   process. When all listeners are gone, the signal does nothing.
//! - Each listener is notified of a signal, in all runtimes and on all threads.
//! - Signals of one kind that arrive before a listener is polled are reported as one, as the system
//!   itself does. Each kind of signal has its own listeners, so one kind never replaces another.
//! - All listeners of a runtime share one descriptor, and the cost of a listener does not depend on
//!   their number.
//!
//! # After a fork
//!
//! A process receives the signals that were sent to it, not those of a forked child, neither of a
//! child that does not use the runtime, nor of one between fork and exec (`pre_exec`). In such a
//! child a signal that the parent listens for does nothing. A child that makes a new runtime
//! listens there as usual.
//!
//! A runtime that was made before the fork can continue in only one of the two processes, as they
//! share its descriptors. If that is the child, as in a daemon, its listeners receive signals from
//! their next poll on.

pub mod unix;

use std::io;

/// Waits for ctrl-c (`SIGINT`).
///
/// It receives signals that arrive after its first poll. In a loop it also receives those that
/// arrive between two calls, if the loop does not wait in between. To miss none in any case, keep
/// one listener: [`unix::signal`] with [`SignalKind::interrupt`](unix::SignalKind::interrupt).
///
/// # Errors
///
/// Returns an error if there is no descriptor left, or if the runtime has ended.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Cancel-safe.
///
/// ```no_run
/// # wakeful::block_on(async {
/// wakeful::signal::ctrl_c().await?;
/// println!("shutting down");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    match interrupt.recv().await {
        Some(()) => Ok(()),
        None => Err(io::Error::other(
            "the runtime that waited for ctrl-c has been dropped",
        )),
    }
}

//! Signals, through the reactor: an ordinary task waits for them and may do anything.
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
//! What holds for all of them:
//!
//! - The first listener of a kind replaces what the system would do with that signal, and that
//!   stays so for the rest of the process, also when all listeners are gone: the signal then does
//!   nothing.
//! - Each listener is told of a signal, whichever runtime and thread it belongs to.
//! - Signals of one kind that come before a listener looks are told as one, as the system itself
//!   does. Signals of different kinds have a listener each, so none takes another's place.
//! - All listeners of a runtime share one descriptor, and each costs the same however many there
//!   are.
//!
//! # After a fork
//!
//! A process hears the signals that were sent to it, and not those of a child that it has forked:
//! neither of a child that has nothing to do with the runtime, nor of one between fork and exec
//! (`pre_exec`). In such a child a signal that the parent listens for does nothing. A child that
//! makes a runtime of its own listens there as usual.
//!
//! A runtime that was made before the fork can go on in one of the two only, as they share its
//! descriptors. If that is the child, as in a daemon, its listeners hear from the moment that they
//! are polled again.

pub mod unix;

use std::io;

/// Waits for ctrl-c (`SIGINT`).
///
/// It hears those that come after it was first polled, and in a loop also those that come between
/// two calls, as long as the loop doesn't wait in between. To miss none in any case, keep one
/// listener: [`unix::signal`] with [`SignalKind::interrupt`](unix::SignalKind::interrupt).
///
/// # Errors
///
/// If the system gives no descriptor, or if the runtime has ended.
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

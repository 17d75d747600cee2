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
//! - The first listener of a kind replaces what the system would do with that signal, and that stays
//!   so for the rest of the process, also when all listeners are gone: the signal then does nothing.
//! - Each listener is told of a signal, whichever runtime and thread it belongs to.
//! - Signals of one kind that come before a listener looks are told as one, as the system itself
//!   does. Signals of different kinds have a listener each, so none takes another's place.

pub mod unix;

use std::io;

/// Waits for ctrl-c (`SIGINT`).
///
/// It hears those that come after it was first polled. To miss none between two waits, keep one
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
/// Cancel-safe; signals that come between two calls are not heard.
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

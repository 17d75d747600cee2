//! Unix signals.

mod hub;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::raw::c_int;
use std::task::{Context, Poll};

use rustix::process::Signal as Number;

use hub::{Hub, Listener};

/// Kind of a signal.
///
/// ```
/// use wakeful::signal::unix::SignalKind;
///
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// assert_eq!(SignalKind::hangup().as_raw_value(), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// Returns the kind with this number, for signals without a name here, such as real-time
    /// signals.
    pub const fn from_raw(number: c_int) -> SignalKind {
        SignalKind(number)
    }

    /// Returns the number of the signal.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// `SIGALRM`: a timer of the system.
    pub const fn alarm() -> SignalKind {
        SignalKind(Number::ALARM.as_raw())
    }

    /// `SIGCHLD`: a child process has changed. To wait for a child see `process`.
    pub const fn child() -> SignalKind {
        SignalKind(Number::CHILD.as_raw())
    }

    /// `SIGHUP`: the terminal is gone; many servers read their configuration again.
    pub const fn hangup() -> SignalKind {
        SignalKind(Number::HUP.as_raw())
    }

    /// `SIGINT`: ctrl-c.
    pub const fn interrupt() -> SignalKind {
        SignalKind(Number::INT.as_raw())
    }

    /// `SIGIO`: a descriptor is ready.
    pub const fn io() -> SignalKind {
        SignalKind(Number::IO.as_raw())
    }

    /// `SIGPIPE`: a write to a pipe without a reader. Rust programs ignore it until there is a
    /// listener.
    pub const fn pipe() -> SignalKind {
        SignalKind(Number::PIPE.as_raw())
    }

    /// `SIGQUIT`: ctrl-\.
    pub const fn quit() -> SignalKind {
        SignalKind(Number::QUIT.as_raw())
    }

    /// `SIGTERM`: the polite request to end.
    pub const fn terminate() -> SignalKind {
        SignalKind(Number::TERM.as_raw())
    }

    /// `SIGUSR1`.
    pub const fn user_defined1() -> SignalKind {
        SignalKind(Number::USR1.as_raw())
    }

    /// `SIGUSR2`.
    pub const fn user_defined2() -> SignalKind {
        SignalKind(Number::USR2.as_raw())
    }

    /// `SIGWINCH`: the terminal has another size.
    pub const fn window_change() -> SignalKind {
        SignalKind(Number::WINCH.as_raw())
    }
}

impl From<c_int> for SignalKind {
    fn from(number: c_int) -> SignalKind {
        SignalKind(number)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> c_int {
        kind.0
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignalKind({})", self.0)
    }
}

/// Listener for one kind of signal; made by [`signal`]. It belongs to the runtime that it was made
/// in.
///
/// All listeners of a runtime share one descriptor. The time to make, drop or notify a listener
/// does not depend on their number, so each connection may have one.
pub struct Signal {
    listener: Listener,
    kind: SignalKind,
}

/// Makes a listener for signals of this kind that arrive from now on.
///
/// It also receives a signal that has arrived but that the loop has not delivered yet, if the
/// runtime had a listener of this kind before. So a loop that makes a listener in each iteration
/// misses no signal between two iterations.
///
/// # Errors
///
/// Returns an error if the system does not allow a handler for it, if there is no such signal, if
/// there is no descriptor left, or if the runtime has ended.
///
/// # Panics
///
/// Outside a runtime.
///
/// ```
/// use wakeful::signal::unix::{SignalKind, signal};
///
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     let mut window = signal(SignalKind::window_change())?;
///     let mut reload = signal(SignalKind::hangup())?;
/// #   rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP)?;
///     reload.recv().await; // until `kill -HUP`
///     # drop(window);
///     assert!(signal(SignalKind::from_raw(9)).is_err()); // SIGKILL can't be listened for
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    if signal_hook_registry::FORBIDDEN.contains(&kind.0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "signal {} can't be listened for: the system doesn't allow it (SIGKILL, SIGSTOP), \
                 or the program can't go on after it (SIGILL, SIGFPE, SIGSEGV)",
                kind.0
            ),
        ));
    }
    let listener = Hub::listen(kind.0)?;
    Ok(Signal { listener, kind })
}

impl Signal {
    /// Waits for the next signal. `None` only when the runtime has ended.
    ///
    /// Signals that arrived since the last call, or since the listener was made, are reported as
    /// one.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: no signal is lost.
    pub async fn recv(&mut self) -> Option<()> {
        /// Removes the waker when the future is dropped.
        struct Wait<'a>(&'a mut Signal);
        impl Drop for Wait<'_> {
            fn drop(&mut self) {
                self.0.listener.forget();
            }
        }
        let wait = Wait(self);
        poll_fn(|cx| wait.0.listener.poll(cx)).await
    }

    /// Polls [`recv`](Self::recv); if several tasks poll, only the last one is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.listener.poll(cx)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.kind).finish()
    }
}

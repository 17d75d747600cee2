//! The system calls of the crate `polling`.

/// The call by which a poller waits.
pub(crate) const WAIT: &str = "kevent";

/// Returns the call of `Poller::new` that was refused.
pub(crate) fn refused_call() -> &'static str {
    "kqueue or kevent"
}

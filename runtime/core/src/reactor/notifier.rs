//! The notifier, which ends the reactor's wait from another thread.

use std::fmt;
use std::sync::Arc;

use polling::Poller;

/// Notifier of a reactor, for any thread. It does nothing after the reactor has been dropped.
#[derive(Clone)]
pub(crate) struct Notifier(Kind);

#[derive(Clone)]
enum Kind {
    #[cfg(target_os = "linux")]
    Raw(Arc<std::os::fd::OwnedFd>),
    Portable(Arc<Poller>),
}

impl Notifier {
    #[cfg(target_os = "linux")]
    pub(super) fn raw(eventfd: Arc<std::os::fd::OwnedFd>) -> Notifier {
        Notifier(Kind::Raw(eventfd))
    }

    pub(super) fn portable(poller: Arc<Poller>) -> Notifier {
        Notifier(Kind::Portable(poller))
    }

    /// Ends the current wait of the reactor, or the next one if it does not wait.
    pub(crate) fn notify(&self) {
        match &self.0 {
            #[cfg(target_os = "linux")]
            Kind::Raw(eventfd) => {
                // Each write is an edge. The counter is never read; it would overflow after 2^64
                // writes, and its edge would remain.
                let _ = rustix::io::write(eventfd, &1_u64.to_ne_bytes());
            }
            // This fails only if the poller is broken, which the next wait reports.
            Kind::Portable(poller) => drop(poller.notify()),
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

//! Ending the reactor's wait from another thread.

use std::fmt;
use std::sync::Arc;

use polling::Poller;

/// Ends the wait of a reactor, now or the next one. Any thread; also after the reactor is gone, when
/// it does nothing.
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

    pub(crate) fn notify(&self) {
        match &self.0 {
            #[cfg(target_os = "linux")]
            Kind::Raw(eventfd) => {
                // Each write is an edge. The counter is never read; it would be full after 2^64
                // writes, and its edge would still be there.
                let _ = rustix::io::write(eventfd, &1_u64.to_ne_bytes());
            }
            // It fails only if the poller is broken, which the wait itself will report.
            Kind::Portable(poller) => drop(poller.notify()),
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

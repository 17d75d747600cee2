//! The notifier, which ends the reactor's wait from another thread.

use std::fmt;
use std::sync::Arc;

use polling::Poller;

use crate::sim::Mode;
use crate::sys::RawNotifier;

/// Notifier of a reactor, for any thread. It does nothing after the reactor has been dropped.
#[derive(Clone)]
pub(crate) struct Notifier(Kind);

#[derive(Clone)]
enum Kind {
    Raw(RawNotifier),
    Portable(Arc<Poller>),
    Simulated(Mode),
}

impl Notifier {
    pub(super) fn raw(notifier: RawNotifier) -> Notifier {
        Notifier(Kind::Raw(notifier))
    }

    pub(super) fn portable(poller: Arc<Poller>) -> Notifier {
        Notifier(Kind::Portable(poller))
    }

    pub(super) fn simulated(mode: Mode) -> Notifier {
        Notifier(Kind::Simulated(mode))
    }

    /// Ends the current wait of the reactor, or the next one if it does not wait.
    pub(crate) fn notify(&self) {
        match &self.0 {
            Kind::Raw(notifier) => notifier.notify(),
            // This fails only if the poller is broken, which the next wait reports.
            Kind::Portable(poller) => drop(poller.notify()),
            Kind::Simulated(mode) => mode.notify(),
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

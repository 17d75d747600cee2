//! The functions that the loop calls around a wait: `Builder::on_thread_park` and
//! `on_thread_unpark`.

use std::fmt;
use std::rc::Rc;

use crate::unwind::catch_panic;

/// The functions, as far as they are set.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) park: Option<Rc<dyn Fn()>>,
    pub(super) unpark: Option<Rc<dyn Fn()>>,
}

impl Hooks {
    /// Whether a function is set.
    pub(super) fn is_set(&self) -> bool {
        self.park.is_some() || self.unpark.is_some()
    }

    /// Reports that the loop is about to wait.
    pub(super) fn parks(&self) {
        call(self.park.as_deref());
    }

    /// Reports that the loop has waited.
    pub(super) fn unparks(&self) {
        call(self.unpark.as_deref());
    }
}

/// Calls a function of the user. No poll is in progress, so it has no budget and no task.
fn call(hook: Option<&dyn Fn()>) {
    if let Some(hook) = hook {
        catch_panic(hook);
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("park", &self.park.is_some())
            .field("unpark", &self.unpark.is_some())
            .finish()
    }
}

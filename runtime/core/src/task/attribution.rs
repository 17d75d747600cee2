//! The task that a thread does something for outside of the task's polls: it runs a closure of
//! `spawn_blocking`, or drops a future or an output that is left.

use std::cell::Cell;

use super::Id;

thread_local! {
    static ATTRIBUTED: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Puts back what was there before. A value and no pointer, so that an order in which coroutines end their
/// scopes can make the answer wrong, and nothing else.
pub(crate) struct Attribution(Option<Id>);

/// From now on the thread acts for this task; `None`: for the task that its loop polls, if one does.
pub(crate) fn attribute_to(id: Option<Id>) -> Attribution {
    Attribution(ATTRIBUTED.replace(id))
}

impl Drop for Attribution {
    fn drop(&mut self) {
        ATTRIBUTED.set(self.0);
    }
}

/// The task that this thread acts for.
pub(crate) fn attributed_task() -> Option<Id> {
    ATTRIBUTED.get()
}

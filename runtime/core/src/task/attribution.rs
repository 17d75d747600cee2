//! Attribution of work to a task outside of its polls: a closure of `spawn_blocking`, or the drop
//! of a future or an output that is left. `task::id` returns the task of the attribution.

use std::cell::Cell;

use super::Id;

thread_local! {
    static ATTRIBUTED: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Guard of an attribution. Its drop restores the previous one.
///
/// It holds an id and no pointer: if coroutines end their scopes out of order, the id may be wrong,
/// and nothing else.
pub(crate) struct Attribution(Option<Id>);

/// Attributes what this thread does to a task. `None`: to the task that its loop polls, if there is
/// one.
pub(crate) fn attribute_to(id: Option<Id>) -> Attribution {
    Attribution(ATTRIBUTED.replace(id))
}

impl Drop for Attribution {
    fn drop(&mut self) {
        ATTRIBUTED.set(self.0);
    }
}

/// Returns the task to which the work of this thread is attributed.
pub(crate) fn attributed_task() -> Option<Id> {
    ATTRIBUTED.get()
}

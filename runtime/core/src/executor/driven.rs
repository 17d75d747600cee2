//! The executor of a loop that another event loop drives, see `runtime/turn.rs`.
//!
//! Between two turns the host runs, and its callbacks may wake and spawn on the owner thread. The
//! host must notice, or it would wait until something else happens. So from the first turn on,
//! every task is `TIMED` and every spawn takes the slow path, and both come to
//! [`task_is_ready`](Executor::task_is_ready). A loop that is never driven pays nothing.
//!
//! The notification is a write to the reactor's descriptor. It calls nothing of the host, so no
//! user code runs inside a wake.

use super::Executor;
use super::tasks::TaskIter;
use crate::task::state::TIMED;

impl Executor {
    /// Reports each wake and spawn from here on, since another event loop drives this one.
    pub(crate) fn set_driven(&self) {
        if self.driven.replace(true) {
            return;
        }
        self.slow_spawn.set(true);
        let mut iter = TaskIter::default();
        while let Some(task) = self.tasks.next(&mut iter) {
            // SAFETY: the tasks of the iteration are alive: setting a bit frees none.
            unsafe { task.as_ref() }.state.set(TIMED);
        }
    }

    /// Whether another event loop has driven this one.
    pub(super) fn is_driven(&self) -> bool {
        self.driven.get()
    }

    /// Sets whether the first task that becomes ready notifies the host. It does while the loop is
    /// asleep between two turns and no task is ready.
    pub(crate) fn notify_at_ready(&self, on: bool) {
        self.notify_at_ready.set(on);
    }

    /// Notifies the host if it may be waiting. Called on the owner thread when a task is queued.
    pub(in crate::executor) fn task_is_ready(&self) {
        if self.notify_at_ready.replace(false) {
            self.notifier.notify();
        }
    }
}

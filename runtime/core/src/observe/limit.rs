//! The limit on the length of a poll, for tests.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::task_table::TaskInfo;

/// The longest time that a poll may take, and the first poll that took longer.
pub(crate) struct Limit {
    limit: Duration,
    broken: RefCell<Option<LongPoll>>,
}

/// A poll that took longer than the limit.
pub(crate) struct LongPoll {
    task: TaskInfo,
    took: Duration,
    limit: Duration,
}

impl Limit {
    pub(crate) fn new(limit: Duration) -> Limit {
        Limit {
            limit,
            broken: RefCell::new(None),
        }
    }

    /// Compares the length of a poll, in nanoseconds, with the limit.
    pub(super) fn check(&self, task: TaskInfo, took: u64) {
        let took = Duration::from_nanos(took);
        if took > self.limit && self.broken.borrow().is_none() {
            let limit = self.limit;
            *self.broken.borrow_mut() = Some(LongPoll { task, took, limit });
        }
    }

    /// Takes the first poll that was too long.
    pub(super) fn take(&self) -> Option<LongPoll> {
        self.broken.take()
    }
}

impl fmt::Display for LongPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LongPoll { task, took, limit } = self;
        write!(
            f,
            "a poll of {task} took {took:?}, longer than the {limit:?} that `max_poll` allows: \
             divide the work by `.await` points, or give it to `wakeful::spawn_blocking`"
        )
    }
}

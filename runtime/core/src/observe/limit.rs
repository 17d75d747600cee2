//! A limit on the length of a poll, for tests.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::Who;

/// How long a poll may take, and the first that took longer.
pub(crate) struct Limit {
    limit: Duration,
    broken: RefCell<Option<LongPoll>>,
}

/// A poll that took longer than it may.
pub(crate) struct LongPoll {
    who: Who,
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

    pub(super) fn check(&self, who: Who, took: u64) {
        let took = Duration::from_nanos(took);
        if took > self.limit && self.broken.borrow().is_none() {
            let limit = self.limit;
            *self.broken.borrow_mut() = Some(LongPoll { who, took, limit });
        }
    }

    pub(super) fn take(&self) -> Option<LongPoll> {
        self.broken.take()
    }
}

impl fmt::Display for LongPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LongPoll { who, took, limit } = self;
        write!(
            f,
            "a poll of {who} took {took:?}, longer than the {limit:?} that `max_poll` allows: \
             divide the work by `.await` points, or give it to `wakeful::spawn_blocking`"
        )
    }
}

//! The locks of a thread that tasks hold or wait for. The stall detector reads them on a thread of
//! its own, so they are behind a mutex. No user code runs while it is locked.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::label::{Kind, Label};
use crate::task::Id;

/// A lock or semaphore that tasks hold or wait for.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    pub(crate) kind: Kind,
    /// Where it was made.
    pub(crate) made_at: &'static Location<'static>,
    /// The tasks that hold it, as far as it was recorded.
    pub(crate) holders: Vec<Holder>,
    /// Number of recorded waits for it.
    pub(crate) waiting: u32,
}

/// A task that holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The task that has taken the lock.
    pub(crate) task: Id,
    /// Whether the guard may have been given to another task.
    pub(crate) may_move: bool,
}

impl Lock {
    pub(crate) fn is_held_by(&self, task: Id) -> bool {
        self.holders.iter().any(|holder| holder.task == task)
    }
}

/// The locks of one thread, by their numbers. Clones refer to the same locks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks(Arc<Mutex<HashMap<u32, Lock>>>);

impl Locks {
    fn all(&self) -> MutexGuard<'_, HashMap<u32, Lock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a task holds a lock, or one more permit of it.
    pub(super) fn held(&self, label: &Label, holder: Holder) {
        self.with(label, |lock| lock.holders.push(holder));
    }

    /// Records a wait for a lock.
    pub(super) fn waits(&self, label: &Label) {
        self.with(label, |lock| lock.waiting += 1);
    }

    fn with(&self, label: &Label, f: impl FnOnce(&mut Lock)) {
        let mut all = self.all();
        f(all.entry(label.number()).or_insert_with(|| Lock {
            kind: label.kind,
            made_at: label.location,
            holders: Vec::new(),
            waiting: 0,
        }));
    }

    /// Records that a task no longer holds a lock.
    pub(super) fn released(&self, number: u32, holder: Holder) {
        self.reduce(number, |Lock { holders, .. }| {
            if let Some(at) = holders.iter().position(|&it| it == holder) {
                holders.swap_remove(at);
            }
        });
    }

    /// Records the end of a wait for a lock.
    pub(super) fn waited(&self, number: u32) {
        self.reduce(number, |lock| lock.waiting = lock.waiting.saturating_sub(1));
    }

    fn reduce(&self, number: u32, f: impl FnOnce(&mut Lock)) {
        let mut all = self.all();
        if let Some(lock) = all.get_mut(&number) {
            f(lock);
            if lock.holders.is_empty() && lock.waiting == 0 {
                all.remove(&number);
            }
        }
    }

    /// Calls `f` with each lock that is held, and its number. `f` runs no user code.
    pub(crate) fn each_held(&self, mut f: impl FnMut(u32, &Lock)) {
        for (&number, lock) in &*self.all() {
            if !lock.holders.is_empty() {
                f(number, lock);
            }
        }
    }

    /// Returns the locks that tasks hold and others wait for. Any thread.
    pub(crate) fn wanted(&self) -> Vec<Lock> {
        let mut wanted = Vec::new();
        self.each_held(|_, lock| {
            if lock.waiting > 0 {
                wanted.push(lock.clone());
            }
        });
        wanted
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn a_lock_is_kept_while_it_is_held_or_waited_for() {
        let locks = Locks::default();
        let label = Label::new(Kind::Mutex);
        let id = |n| Id::new(NonZeroU64::new(n).expect("not zero"));
        let holder = |n| Holder {
            task: id(n),
            may_move: false,
        };
        let held = || {
            let mut count = 0;
            locks.each_held(|_, _| count += 1);
            count
        };
        locks.held(&label, holder(1));
        assert_eq!((held(), locks.wanted().len()), (1, 0));
        locks.waits(&label);
        assert_eq!((held(), locks.wanted().len()), (1, 1));
        assert!(locks.wanted()[0].is_held_by(id(1)) && !locks.wanted()[0].is_held_by(id(2)));
        locks.released(label.number(), holder(1));
        assert_eq!((held(), locks.wanted().len()), (0, 0));
        locks.held(&label, holder(2));
        assert!(locks.wanted()[0].is_held_by(id(2)));
        locks.waited(label.number());
        locks.released(label.number(), holder(2));
        assert!(locks.all().is_empty());
    }
}

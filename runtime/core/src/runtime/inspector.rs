//! The search for deadlocks before the loop sleeps. Present only where
//! [`Builder::detect_deadlocks`](super::Builder::detect_deadlocks) is on.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use super::Parts;
use super::deadlock::{self, DeadlockKind, DeadlockReport};
use super::dump::Dump;
use crate::sync::waits::{self, Watching};
use crate::task::Id;
use crate::time::clock::ticks;

/// Shortest time between two searches while the loop has something to wait for.
const INTERVAL: Duration = Duration::from_secs(1);

/// Time without an event after which a deadlock is suspected.
const SUSPECTED_AFTER: Duration = Duration::from_secs(10);

/// Function that is called with each report.
#[derive(Clone)]
pub(super) struct OnDeadlock(Rc<dyn Fn(&DeadlockReport)>);

impl OnDeadlock {
    pub(super) fn new(hook: impl Fn(&DeadlockReport) + 'static) -> OnDeadlock {
        OnDeadlock(Rc::new(hook))
    }
}

impl Default for OnDeadlock {
    fn default() -> OnDeadlock {
        OnDeadlock::new(|report| crate::report::report!("wakeful: {report}"))
    }
}

impl fmt::Debug for OnDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// State of the search of one loop.
pub(super) struct Inspector {
    hook: OnDeadlock,
    /// Time of the last search, in the unit of `ticks`; 0 before the first.
    searched: Cell<u64>,
    /// Tasks that the last search found. A task that the next one finds again is reported.
    found: RefCell<Vec<Id>>,
    /// Tasks that have been reported.
    reported: RefCell<Vec<Id>>,
    /// Whether the whole loop has been reported.
    whole_reported: Cell<bool>,
    /// Whether a suspicion has been reported.
    suspected: Cell<bool>,
    _watching: Watching,
}

impl Inspector {
    pub(super) fn new(hook: OnDeadlock) -> Inspector {
        Inspector {
            hook,
            searched: Cell::new(0),
            found: RefCell::default(),
            reported: RefCell::default(),
            whole_reported: Cell::new(false),
            suspected: Cell::new(false),
            _watching: waits::watch(),
        }
    }

    fn report(&self, report: &DeadlockReport) {
        (self.hook.0)(report);
    }
}

/// What the loop does after an inspection.
pub(super) enum Sleep {
    /// Sleep as usual.
    Unlimited,
    /// Sleep for at most this time, then search again.
    AtMost(Duration),
    /// As `AtMost`; if nothing has happened by then, a deadlock is suspected.
    Suspect(Duration),
}

impl Parts {
    /// Searches for deadlocks before a sleep. The hook may panic.
    #[cold]
    #[inline(never)]
    pub(super) fn inspect(&self, inspector: &Inspector) -> Sleep {
        if self.has_something_to_wait_for() {
            return self.inspect_part(inspector);
        }
        if inspector.whole_reported.get() || self.can_be_woken_by_handle() {
            return Sleep::Unlimited;
        }
        let dump = Dump::of(&self.executor, None);
        if dump.tasks.iter().all(|task| task.waits_are_known()) {
            inspector.whole_reported.set(true);
            let report = deadlock::whole_loop(dump, DeadlockKind::Certain);
            inspector.report(&report);
            return Sleep::Unlimited;
        }
        // Without a recorded wait, the tasks most likely wait for another thread.
        match dump.tasks.iter().any(|task| !task.waits.is_empty()) {
            true if !inspector.suspected.get() => Sleep::Suspect(SUSPECTED_AFTER),
            _ => Sleep::Unlimited,
        }
    }

    /// Reports a suspected deadlock, if nothing has happened during the sleep.
    #[cold]
    pub(super) fn suspect(&self, inspector: &Inspector) {
        if self.has_something_to_wait_for()
            || self.can_be_woken_by_handle()
            || self.executor.has_ready()
        {
            return;
        }
        inspector.suspected.set(true);
        let dump = Dump::of(&self.executor, None);
        inspector.report(&deadlock::whole_loop(dump, DeadlockKind::Suspected));
    }

    /// Whether a message from another thread is pending or may come.
    fn can_be_woken_by_handle(&self) -> bool {
        if Arc::strong_count(&self.executor) > Parts::OWN_EXECUTORS {
            return true;
        }
        // What a handle sent before it was dropped is seen.
        fence(Ordering::Acquire);
        self.executor.is_pending()
    }

    /// Searches for tasks that nothing can wake, while others can still run.
    fn inspect_part(&self, inspector: &Inspector) -> Sleep {
        // With virtual time, the loop must not wait for real time.
        if self.reactor.timers().is_paused() {
            return Sleep::Unlimited;
        }
        let now = ticks();
        let since = Duration::from_nanos(now.saturating_sub(inspector.searched.get()));
        if let Some(rest) = INTERVAL.checked_sub(since).filter(|rest| !rest.is_zero()) {
            return Sleep::AtMost(rest);
        }
        inspector.searched.set(now);
        let dump = Dump::of(&self.executor, None);
        let lost = deadlock::lost(&dump);
        let entangled = deadlock::entangled(&dump);
        let all: Vec<Id> = lost.iter().chain(&entangled).copied().collect();
        // Only what two searches find is reported: a task may be about to be aborted or dropped.
        let before = inspector.found.replace(all.clone());
        let is_new = |id: &Id| before.contains(id) && !inspector.reported.borrow().contains(id);
        let new_lost: Vec<Id> = lost.into_iter().filter(is_new).collect();
        let new_entangled = entangled.iter().any(is_new);
        let pending = {
            let mut reported = inspector.reported.borrow_mut();
            reported.retain(|id| all.contains(id));
            let confirmed = all.iter().filter(|id| before.contains(id));
            for id in confirmed {
                if !reported.contains(id) {
                    reported.push(*id);
                }
            }
            all.iter().any(|id| !reported.contains(id))
        };
        if !new_lost.is_empty() {
            let kind = DeadlockKind::LostTask;
            inspector.report(&deadlock::some_tasks(&dump, &new_lost, kind));
        }
        if new_entangled {
            let kind = DeadlockKind::Cycle;
            inspector.report(&deadlock::some_tasks(&dump, &entangled, kind));
        }
        match pending {
            true => Sleep::AtMost(INTERVAL),
            false => Sleep::Unlimited,
        }
    }
}

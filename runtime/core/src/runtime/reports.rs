//! Reports of waits that can't end: those for another runtime of the same thread, and those that
//! nothing can end.

use std::ops::ControlFlow;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Parts;

impl Parts {
    /// The counts of the executor that the runtime itself holds: its own, and its context's.
    pub(super) const OWN_EXECUTORS: usize = 2;

    /// Whether something of this runtime may end a sleep: a timer, a descriptor that a task
    /// waits for, the blocking pool or the ring. Other threads may end it in any case.
    pub(super) fn has_something_to_wait_for(&self) -> bool {
        self.reactor.timers().stats().now > 0 || !self.is_still() || self.reactor.is_waited_for()
    }

    /// Returns how long a sleep may last before [`report_silence`](Self::report_silence) checks
    /// whether anything can end it. `None` if stalls are not detected, if the report has been made,
    /// or if something of this runtime can end the sleep.
    #[inline(always)]
    pub(super) fn silence_limit(&self) -> Option<Duration> {
        let limit = self.silence_limit.get()?;
        (!self.has_something_to_wait_for()).then_some(limit)
    }

    /// Reports, once, that nothing can wake any task of this loop. Called after a sleep in which
    /// the loop had nothing of its own to wait for.
    #[cold]
    pub(super) fn report_silence(&self, location: &'static Location<'static>) {
        let executor = &self.executor;
        if executor.has_ready()
            || executor.is_pending()
            || Arc::strong_count(executor) > Parts::OWN_EXECUTORS
            || executor.wakers_outside() > 0
        {
            return;
        }
        self.silence_limit.set(None);
        self.watches_sleep
            .set(self.hooks.is_set() || self.inspector.is_some());
        let tasks = executor.unended(10);
        let tasks = match tasks.is_empty() {
            true => "it has no tasks".to_owned(),
            false => format!("these tasks wait as well: {tasks}"),
        };
        crate::report::report!(
            "wakeful: `block_on` at {location} waits forever: nothing has kept a waker of its \
             future or of a task, there is no timer, no descriptor, no closure and no handle that \
             could end the wait; {tasks}. A future that returns `Pending` has to see that its \
             waker is woken"
        );
    }

    /// Reports, once, a sleep in which the clock is stopped and the next timer is farther away than
    /// it can jump. Called when no closure, file request or remote message is pending.
    ///
    /// # Panics
    ///
    /// If nothing but that timer can wake a task.
    #[cold]
    pub(super) fn report_unreachable_timer(&self, away: Duration) {
        let executor = &self.executor;
        if self.reactor.is_waited_for() {
            return;
        }
        let mut in_timers = 0;
        let _ = self.reactor.timers().each_waker(&mut |waker| {
            in_timers += u64::from(executor.is_woken_by(waker) == Some(true));
            ControlFlow::Continue(())
        });
        let what = format!(
            "the clock is stopped, and the next timer is {away:?} away, which is farther than the \
             clock can jump"
        );
        // No other waker and no handle exists, so nothing else can wake this loop.
        assert!(
            executor.wakers_outside() > in_timers
                || Arc::strong_count(executor) > Parts::OWN_EXECUTORS
                || self.context.has_foreign(),
            "`block_on` would wait forever: {what}. Give the sleep or the timeout a shorter time, \
             or call `wakeful::time::resume` first"
        );
        if !self.unreachable_timer_reported.replace(true) {
            crate::report::report!(
                "wakeful: {what}: `block_on` waits until something else wakes a task. Give the \
                 sleep or the timeout a shorter time if nothing does"
            );
        }
    }

    /// Reports, once, a sleep that waits for another runtime of this thread, whose loop can't run
    /// meanwhile. Called before a sleep, after a future has polled something of such a runtime.
    ///
    /// # Panics
    ///
    /// If no other thread can end the wait either.
    #[cold]
    pub(super) fn report_foreign_wait(&self, location: &'static Location<'static>) {
        if self.foreign_wait_reported.get() || self.has_something_to_wait_for() {
            return;
        }
        let executor = &self.executor;
        let (found, what) = self
            .context
            .waits_for_foreign(|waker| executor.is_woken_by(waker));
        if what.is_empty() {
            return;
        }
        // No other waker and no handle exists, so no other thread can wake this loop.
        let for_ever = found > 0
            && executor.wakers_outside() == found
            && Arc::strong_count(executor) == Parts::OWN_EXECUTORS;
        let advice = "Wait for it in `block_on` of its own runtime, or make it in this one; or run \
                      its runtime on a thread of its own, and use a `wakeful::Handle`";
        assert!(
            !for_ever,
            "`block_on` at {location} would wait forever: it waits for {what}, of another runtime \
             of this thread, whose loop can't run meanwhile. {advice}"
        );
        self.foreign_wait_reported.set(true);
        crate::report::report!(
            "wakeful: `block_on` at {location} waits for {what}, of another runtime of this \
             thread, whose loop can't run meanwhile; only another thread can end the wait. {advice}"
        );
    }
}

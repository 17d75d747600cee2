//! The run loop.
//!
//! 1. Receive what other threads sent, if the flag says that they did.
//! 2. Run the tasks that are ready, in order; the future of `block_on` stands in line with them.
//! 3. After each batch: look at the reactor without waiting, read the clock, and fire the timers
//!    that are due. What that wakes goes before the tasks that have had their poll in this round.
//! 4. Nothing is ready: sleep in the reactor until an event, a timer or another thread. With
//!    [`Builder::spin`](super::Builder::spin), look out for those for a while first.
//!
//! Waking the future of `block_on`, a task or a timer from inside the loop costs no syscall.

use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Parts;
use super::pace::Pace;
use crate::context;
use crate::executor::{ClassQueue, Executor, Tick};
use crate::reactor::Wait;
use crate::task::{coop::budget, waker};
use crate::trace::End;

impl Parts {
    /// Runs the loop until `future` is ready.
    #[track_caller]
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let location = Location::caller();
        context::run("block_on", &self.context, || {
            self.enter(|| {
                let watched = self.executor.main_begins(location);
                let output = self.run_until_ready(future, location);
                if let Some(watched) = watched {
                    watched.end();
                }
                self.executor.rest();
                // What was asked for last goes on without the loop.
                self.files.flush();
                output
            })
        })
    }

    fn run_until_ready<F: Future>(
        &self,
        future: F,
        location: &'static Location<'static>,
    ) -> F::Output {
        self.rouse();
        // SAFETY: the executor keeps a reference until it is dissolved.
        let main = unsafe { &*self.executor.main().as_ptr() };
        let id = || self.executor.next_id().as_u64();
        // Until the future is gone.
        let _shown = main.console.main_begins(id, size_of::<F>(), location);
        let mut future = pin!(future);
        // Borrows the executor's own reference, as above.
        let waker = waker::borrowed::<ClassQueue>(self.executor.main());
        main.trace.located(location);
        self.reactor.look_at_clock();
        let mut pace = Pace::new(self.event_interval);
        self.executor.queue_main();
        loop {
            self.executor.receive();
            match pace.portion(|batch| self.executor.tick(batch)) {
                Tick::Main => {
                    let limited = budget::limited();
                    limited.refill();
                    let poll = main.trace.poll().may_panic();
                    let entered = main.console.enter();
                    // A new one each time: the future may overwrite the one that it is given.
                    let mut cx = Context::from_waker(&waker);
                    if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                        main.console.exit(entered);
                        poll.end(End::Ready);
                        return output;
                    }
                    main.console.exit(entered);
                    poll.end(End::Pending);
                }
                Tick::Idle => self.sleep(&mut pace, location),
                Tick::Busy | Tick::TurnDue => {}
            }
            if pace.is_used_up() {
                let ((), found) = self.executor.with_wake_order(|| self.look());
                pace.looked(found);
            }
        }
    }

    /// Wakes what has happened, without a wait.
    fn look(&self) {
        if self.reactor.has_sources() {
            self.files.flush();
            self.turn(Wait::Poll);
        } else {
            self.reactor.look_at_clock();
        }
    }

    /// Nothing is ready: wait for something to happen.
    fn sleep(&self, pace: &mut Pace, location: &'static Location<'static>) {
        struct WakeUp<'a>(&'a Executor);
        impl Drop for WakeUp<'_> {
            fn drop(&mut self) {
                self.0.wake_up();
            }
        }
        // What completes at once spares the wait.
        if self.files.flush() {
            return pace.missed_a_sleep();
        }
        let length = self.adaptive_spin.length();
        let found = !length.is_zero() && self.spin_for_work(length, pace);
        if found || !self.executor.fall_asleep() {
            // Other threads that always have something to send must not keep the loop from the
            // reactor and the timers, so it counts as a poll.
            return pace.missed_a_sleep();
        }
        {
            // Also if the wait fails, which panics: the flag must not say "asleep" for ever.
            let _wake_up = WakeUp(&self.executor);
            if self.context.has_foreign() {
                self.check_foreign(location);
            }
            match self.silence_to_look_for() {
                Some(limit) => {
                    self.turn(Wait::AtMost(limit));
                    self.look_for_silence(location);
                }
                // Virtual time waits for results that are awaited, and for what other threads sent.
                None => self.turn(Wait::Park {
                    may_jump: &|| self.is_still(),
                }),
            }
        }
        pace.looked(true);
    }

    /// Whether something of this runtime may end a sleep: a timer, a descriptor that is waited for, or what
    /// the pool and the ring do. Other threads may in any case.
    fn has_something_to_wait_for(&self) -> bool {
        self.reactor.timers().stats().now > 0
            || !self.is_still()
            || self
                .reactor
                .is_waited_for(|waker| !self.files.is_own(waker))
    }

    /// How long nothing may happen before it is asked whether anything can; `None`: that is of no interest, or
    /// known.
    #[inline(always)]
    fn silence_to_look_for(&self) -> Option<Duration> {
        let limit = self.silence.get()?;
        (!self.has_something_to_wait_for()).then_some(limit)
    }

    /// The loop had nothing of its own to wait for and has slept. If nothing can wake any of its tasks, that is
    /// reported, once.
    #[cold]
    fn look_for_silence(&self, location: &'static Location<'static>) {
        let executor = &self.executor;
        if executor.has_ready()
            || executor.is_pending()
            || Arc::strong_count(executor) > Parts::OWN_EXECUTORS
            || executor.wakers_outside() > 0
        {
            return;
        }
        self.silence.set(None);
        let tasks = executor.unended(10);
        let tasks = match tasks.is_empty() {
            true => "it has no tasks".to_owned(),
            false => format!("these tasks wait as well: {tasks}"),
        };
        eprintln!(
            "wakeful: `block_on` at {location} waits for ever: nothing has kept a waker of its future or of a task, \
             there is no timer, no descriptor, no closure and no handle that could end the wait; {tasks}. A future \
             that returns `Pending` has to see that its waker is woken"
        );
    }

    /// The loop is about to sleep, and has waited for something of another runtime of its thread, which stands
    /// still for as long.
    #[cold]
    fn check_foreign(&self, location: &'static Location<'static>) {
        if self.reported_foreign.get() || self.has_something_to_wait_for() {
            return;
        }
        let executor = &self.executor;
        let (found, what) = self
            .context
            .waits_for_foreign(|waker| executor.is_woken_by(waker));
        if what.is_empty() {
            return;
        }
        // Nothing else has a waker or a handle: then none will ever wake it.
        let for_ever = found > 0
            && executor.wakers_outside() == found
            && Arc::strong_count(executor) == Parts::OWN_EXECUTORS;
        let advice = "Wait for it in `block_on` of its own runtime, or make it in this one; or run its runtime \
             on a thread of its own, and use a `wakeful::Handle`";
        assert!(
            !for_ever,
            "`block_on` at {location} would wait for ever: it waits for {what}, of another runtime of this \
             thread, whose loop can't run meanwhile. {advice}"
        );
        self.reported_foreign.set(true);
        eprintln!(
            "wakeful: `block_on` at {location} waits for {what}, of another runtime of this thread, whose loop \
             can't run meanwhile; only another thread can end the wait. {advice}"
        );
    }

    /// Looks out for work for so long before the sleep. `true`: there is some.
    #[cold]
    fn spin_for_work(&self, length: Duration, pace: &mut Pace) -> bool {
        /// Looks at what other threads sent, for one look at the clock and the reactor.
        const LOOKS: u32 = 32;
        if self.reactor.timers().is_paused() {
            return false;
        }
        let began = self.reactor.look_at_clock();
        loop {
            for _ in 0..LOOKS {
                if self.executor.is_pending() {
                    self.adaptive_spin.ended(length, true);
                    return true;
                }
                std::hint::spin_loop();
            }
            if self.reactor.has_sources() {
                self.turn(Wait::Poll);
                pace.looked(true);
            } else {
                self.reactor.look_at_clock();
            }
            if self.executor.has_ready() {
                return true;
            }
            if self.reactor.last_look().saturating_sub(began) >= length {
                self.adaptive_spin.ended(length, false);
                return false;
            }
        }
    }

    fn turn(&self, wait: Wait<'_>) {
        if let Err(error) = self.reactor.turn(wait) {
            panic!("the reactor can't wait for events any more: {error}");
        }
    }
}

//! The run loop.
//!
//! 1. Receive: take in what other threads have sent, if the flag says that they have sent anything.
//! 2. Tick: poll the ready tasks in their order. The future of `block_on` is queued with them and
//!    is polled by `poll_main`.
//! 3. If no task is ready, sleep in the reactor until an event, a timer or another thread ends the
//!    wait. With [`Builder::spin`](super::Builder::spin), spin for a while first.
//! 4. After each batch, take a non-blocking reactor turn: wake what has become ready, read the
//!    clock, and fire the timers that are due. Tasks that this wakes run before tasks that have
//!    already been polled in this round.
//!
//! Waking the future of `block_on`, a task or a timer from inside the loop costs no system call.

use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Parts;
use super::batch_limit::BatchLimit;
use super::inspector::{Inspector, Sleep};
use crate::blocking::Blocking;
use crate::context;
use crate::executor::{ClassQueue, Executor, Tick, Turn};
use crate::reactor::Wait;
use crate::task::coop::budget;
use crate::task::header::Header;
use crate::task::waker;
use crate::trace::End;

/// Waits for the output of `block_on` when it returns or unwinds, as the process may end then.
pub(crate) struct FinishOutput<'a>(pub(super) &'a Blocking);

impl Drop for FinishOutput<'_> {
    fn drop(&mut self) {
        self.0.finish_output();
    }
}

impl Parts {
    /// Runs the loop until `future` is ready.
    #[track_caller]
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let location = Location::caller();
        self.check_not_driven("block_on");
        context::run("block_on", &self.context, || {
            self.enter(|| {
                let _finish = FinishOutput(&self.blocking);
                let watched = self.executor.main_begins(location);
                let output = self.run_until_ready(future, location);
                if let Some(watched) = watched {
                    watched.end();
                }
                self.executor.rest();
                // Submit the file requests that are still queued: they complete without the loop.
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
        self.leave_sleep();
        let main = self.main();
        let id = || self.executor.next_id().as_u64();
        // The console shows the future until this guard is dropped, after the future.
        let _shown = main.console.main_begins(id, size_of::<F>(), location);
        let mut future = pin!(future);
        // Borrows the executor's own reference, as above.
        let waker = waker::borrowed::<ClassQueue>(self.executor.main());
        main.trace.located(location);
        self.reactor.read_clock();
        let mut batch_limit = BatchLimit::new(self.event_interval);
        self.executor.queue_main();
        loop {
            self.executor.receive();
            match batch_limit.run_chunk(|batch| self.executor.tick(batch)) {
                Tick::Main => {
                    if let Poll::Ready(output) = poll_main(main, future.as_mut(), &waker) {
                        return output;
                    }
                }
                Tick::Idle => self.sleep(&mut batch_limit, location),
                Tick::Busy | Tick::TurnDue => {}
            }
            if batch_limit.is_reached() {
                let (was_asked, found) = self.executor.with_wake_order(|| self.poll_reactor());
                batch_limit.start_next(Turn::new(found, was_asked));
            }
        }
    }

    /// Returns the header of the main task.
    pub(super) fn main(&self) -> &Header {
        // SAFETY: the executor keeps a reference until `release_remaining`, which the end of the
        // runtime calls, and the runtime is borrowed.
        unsafe { &*self.executor.main().as_ptr() }
    }

    /// Takes a non-blocking reactor turn. Without registered descriptors it only reads the clock.
    /// Returns whether a task has tried a descriptor that was not ready, since the last turn.
    fn poll_reactor(&self) -> bool {
        if self.reactor.has_sources() {
            self.files.flush();
            self.reactor_turn(Wait::Poll);
            self.reactor.take_missed_tries()
        } else {
            self.reactor.read_clock();
            false
        }
    }

    /// Waits until something happens. Called when no task is ready.
    fn sleep(&self, batch_limit: &mut BatchLimit, location: &'static Location<'static>) {
        struct WakeUp<'a>(&'a Executor);
        impl Drop for WakeUp<'_> {
            fn drop(&mut self) {
                self.0.wake_up();
            }
        }
        // Requests that complete during submission make the wait unnecessary.
        if self.files.flush() {
            return batch_limit.count_idle_round();
        }
        let length = self.adaptive_spin.next_length();
        let found = !length.is_zero() && self.spin_for_work(length, batch_limit);
        if found || !self.executor.fall_asleep() {
            // Other threads that always have something to send must not keep the loop from the
            // reactor and the timers, so this round counts as a poll.
            return batch_limit.count_idle_round();
        }
        {
            // A guard, because a failed wait panics and the flag must not stay `ASLEEP`.
            let _wake_up = WakeUp(&self.executor);
            if self.context.has_foreign() {
                self.report_foreign_wait(location);
            }
            // One test for everything that may be set, as most loops have nothing of it.
            if self.watches_sleep.get() {
                self.watched_sleep(location);
            } else {
                self.park();
            }
        }
        batch_limit.start_next(Turn::Found);
    }

    /// Waits until something happens, or lets a stopped clock jump.
    fn park(&self) {
        self.reactor_turn(Wait::Park {
            may_jump: &|| self.may_jump(),
        });
    }

    /// Whether a stopped clock may jump: virtual time waits for results that are awaited, and for
    /// remote messages.
    fn may_jump(&self) -> bool {
        let is_still = self.is_still();
        if is_still && let Some(away) = self.reactor.timers().unreachable() {
            self.report_unreachable_timer(away);
        }
        is_still
    }

    /// Waits as [`park`](Self::park) does, between the calls of the hooks. Where stalls are
    /// detected, the wait ends when it is time to check whether anything can end it.
    #[cold]
    #[inline(never)]
    fn watched_sleep(&self, location: &'static Location<'static>) {
        self.hooks.parks();
        if self.files.flush() || self.executor.has_ready() {
            // The hook has made or woken something.
            self.reactor_turn(Wait::Poll);
        } else if let Some(inspector) = &self.inspector {
            self.sleep_inspected(inspector);
        } else if let Some(limit) = self.silence_limit() {
            self.reactor_turn(Wait::AtMost(limit));
            self.report_silence(location);
        } else {
            self.park();
        }
        self.hooks.unparks();
    }

    /// Searches for deadlocks, and waits as [`park`](Self::park) does, or for a shorter time.
    #[cold]
    fn sleep_inspected(&self, inspector: &Inspector) {
        let sleep = self.inspect(inspector);
        if self.files.flush() || self.executor.has_ready() {
            // The hook has made or woken something.
            return self.reactor_turn(Wait::Poll);
        }
        match sleep {
            Sleep::Unlimited => self.park(),
            Sleep::AtMost(limit) => self.reactor_turn(Wait::AtMost(limit)),
            Sleep::Suspect(limit) => {
                self.reactor_turn(Wait::AtMost(limit));
                self.suspect(inspector);
            }
        }
    }

    /// Spins for at most `length` before a sleep. Returns whether there is work.
    #[cold]
    fn spin_for_work(&self, length: Duration, batch_limit: &mut BatchLimit) -> bool {
        /// Checks for remote messages between two non-blocking reactor turns.
        const CHECKS: u32 = 32;
        if self.reactor.timers().is_paused() {
            return false;
        }
        let began = self.reactor.read_clock();
        loop {
            for _ in 0..CHECKS {
                if self.executor.is_pending() {
                    self.adaptive_spin.record(length, true);
                    return true;
                }
                std::hint::spin_loop();
            }
            if self.reactor.has_sources() {
                self.reactor_turn(Wait::Poll);
                batch_limit.start_next(Turn::Found);
            } else {
                self.reactor.read_clock();
            }
            if self.executor.has_ready() {
                return true;
            }
            if self.reactor.last_reading().saturating_sub(began) >= length {
                self.adaptive_spin.record(length, false);
                return false;
            }
        }
    }

    /// Takes one reactor turn, and panics if the system can't wait.
    fn reactor_turn(&self, wait: Wait<'_>) {
        if let Err(error) = self.reactor.turn(wait) {
            panic!("the reactor can't wait for events any more: {error}");
        }
    }
}

/// Polls the future of `block_on` once, with a new cooperative budget, and reports the poll to the
/// trace and the console.
#[inline(always)]
pub(super) fn poll_main<F: Future>(
    main: &Header,
    future: Pin<&mut F>,
    waker: &Waker,
) -> Poll<F::Output> {
    let limited = budget::limited();
    limited.refill();
    let poll = main.trace.poll().may_panic();
    let entered = main.console.enter();
    // A new context each time, as the future may overwrite the one that it is given.
    let output = future.poll(&mut Context::from_waker(waker));
    main.console.exit(entered);
    poll.end(match output.is_ready() {
        true => End::Ready,
        false => End::Pending,
    });
    output
}

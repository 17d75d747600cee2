//! The run loop in single turns, for another event loop to drive.
//!
//! A turn ends asleep, in the sense of the handshake in `executor/remote.rs`: from then on other
//! threads notify the reactor's descriptor, which the foreign loop waits for. So does this thread:
//! between two turns the foreign loop runs its callbacks, and the first of them that wakes or
//! spawns a task, arms a timer earlier than the announced timeout, or queues a file request writes
//! to the descriptor. The next turn, or a `block_on`, leaves this sleep first.
//!
//! The executor notifies for tasks (`executor/driven.rs`), the reactor for timers and requests.
//! Each does so once in a sleep. Both test a flag that their fast paths test anyway, so a loop that
//! `block_on` runs pays nothing.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use super::batch_limit::{BatchLimit, CHUNK};
use super::{Parts, Runtime};
use crate::context;
use crate::executor::Tick;
use crate::reactor::{NextWait, Wait};

impl Runtime {
    /// Runs one turn of the loop without waiting: dispatches the events of the reactor, fires the
    /// timers that are due, then polls ready tasks for at most about 100 µs.
    ///
    /// With [`next_timeout`](Self::next_timeout) and the runtime's descriptor ([`AsFd`]), another
    /// event loop drives this one:
    ///
    /// 1. Wait until the descriptor is readable, for at most the time that `next_timeout` returned
    ///    after the last turn.
    /// 2. Call `turn`, whatever ended the wait, and go back to 1.
    ///
    /// Between two turns the other loop may run anything: a wake, a spawn, a file operation, and a
    /// timer that is due before the announced timeout make the descriptor readable, on this thread
    /// and on others. It stays readable until the next turn.
    ///
    /// # Errors
    ///
    /// If the system can't report events any more.
    ///
    /// # Panics
    ///
    /// If called inside a runtime on the same thread, or while a [`drive`](Self::drive) of this
    /// runtime has not ended.
    ///
    /// ```
    /// use rustix::event::{PollFd, PollFlags, Timespec, poll};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = wakeful::Runtime::new()?;
    /// let task = runtime.spawn(async { wakeful::time::sleep(Duration::from_millis(5)).await });
    /// loop {
    ///     runtime.turn()?;
    ///     if task.is_finished() {
    ///         break;
    ///     }
    ///     let timeout = runtime.next_timeout().map(|t| Timespec::try_from(t).unwrap());
    ///     poll(&mut [PollFd::new(&runtime, PollFlags::IN)], timeout.as_ref())?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn turn(&self) -> io::Result<()> {
        self.parts.check_not_driven("turn");
        context::run("turn", &self.parts.context, || {
            self.parts
                .enter(|| self.parts.run_turn(&Turn::default(), &mut || false))?;
            self.parts.enter_sleep();
            Ok(())
        })
    }

    /// Returns how long another event loop may wait for the runtime's descriptor before it calls
    /// [`turn`](Self::turn). `None`: until the descriptor is readable. Zero: it must not wait,
    /// because tasks are ready, or because the loop of this runtime is running and called this.
    ///
    /// The time counts from this call. What runs on this thread between the call and the wait may
    /// spawn, wake and arm timers: if that shortens the time, the descriptor becomes readable. For
    /// an example see [`turn`](Self::turn).
    pub fn next_timeout(&self) -> Option<Duration> {
        self.parts.next_timeout()
    }
}

/// The descriptor that another event loop waits for until it is readable. It belongs to the
/// reactor: nothing may be read from it. See [`Runtime::turn`].
impl AsFd for Runtime {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.parts.reactor.as_fd()
    }
}

impl AsRawFd for Runtime {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// What a turn does.
pub(super) struct Turn<'a> {
    /// Whether it asks the reactor for events.
    pub(super) has_events: bool,
    /// Polls between two calls of `may_go_on`, and between two checks for remote messages.
    pub(super) polls: u32,
    /// Whether more tasks may be polled.
    pub(super) may_go_on: &'a dyn Fn() -> bool,
}

impl Default for Turn<'_> {
    fn default() -> Self {
        Turn {
            has_events: true,
            polls: CHUNK,
            may_go_on: &|| true,
        }
    }
}

/// How a turn ended.
pub(super) struct Turned {
    /// Whether tasks are ready, or may be.
    pub(super) is_busy: bool,
    /// Number of events that the reactor has returned.
    pub(super) events: usize,
}

impl Parts {
    /// Runs a turn. `poll_main` polls the main future, and returns whether the turn ends.
    pub(super) fn run_turn(
        &self,
        turn: &Turn<'_>,
        poll_main: &mut dyn FnMut() -> bool,
    ) -> io::Result<Turned> {
        self.leave_sleep();
        self.executor.receive();
        // A stopped clock jumps in this turn if no task is ready and no event arrives.
        let was_ready = self.executor.has_ready();
        let stands_still = || !was_ready && self.is_still() && !self.executor.has_ready();
        self.files.flush();
        let events = self.executor.with_wake_order(|| {
            if turn.has_events {
                return self.turn_reactor(&stands_still);
            }
            self.reactor.read_clock();
            Ok(0)
        });
        let events = events.0?;
        let mut batch_limit = BatchLimit::for_one_turn(self.event_interval);
        let is_busy = loop {
            if !(turn.may_go_on)() {
                break true;
            }
            self.executor.receive();
            let tick = batch_limit.run_polls(turn.polls, |batch| self.executor.tick(batch));
            if tick == Tick::Main && poll_main() {
                break true;
            }
            let idle = tick == Tick::Idle && !self.files.flush() && !self.executor.is_pending();
            // One batch a turn, so a turn takes at most about 100 µs.
            if idle || batch_limit.is_reached() {
                break !idle;
            }
        };
        self.files.flush();
        Ok(Turned { is_busy, events })
    }

    /// Takes a non-blocking reactor turn, in which a stopped clock may jump.
    ///
    /// The loop is awake, so other threads don't notify the reactor. So this must not wait, even if
    /// `may_jump` returns something else when it is called again.
    fn turn_reactor(&self, may_jump: &dyn Fn() -> bool) -> io::Result<usize> {
        self.reactor.turn(match self.reactor.next_wait(may_jump) {
            NextWait::Stopped => Wait::Jump { may_jump },
            NextWait::Never | NextWait::In(_) => Wait::Poll,
        })
    }

    fn next_timeout(&self) -> Option<Duration> {
        // While the loop runs, the flag belongs to it: if it were set to asleep here, the loop
        // could not set it when it has to sleep.
        if context::is_running_in(&self.context) {
            return Some(Duration::ZERO);
        }
        if self.files.flush() || !self.enter_sleep() || self.executor.has_ready() {
            return Some(Duration::ZERO);
        }
        match self.reactor.next_wait(&|| self.is_still()) {
            NextWait::Never => None,
            NextWait::In(timeout) => Some(timeout),
            NextWait::Stopped => Some(Duration::ZERO),
        }
    }

    /// Enters the sleep between two turns, in which other threads notify the reactor. Returns
    /// `false` if they have already sent something.
    pub(super) fn enter_sleep(&self) -> bool {
        if !self.asleep_between_turns.get() {
            self.asleep_between_turns.set(self.executor.fall_asleep());
        }
        self.executor.set_driven();
        // This thread notifies itself: what the host does until the next turn may wake a task, or
        // give the loop something else to do.
        self.executor.notify_at_ready(!self.executor.has_ready());
        self.reactor.host_waits();
        self.asleep_between_turns.get() && !self.executor.is_pending()
    }

    /// Checks that no [`Drive`](super::Drive) has the loop. `what` is the public function.
    ///
    /// # Panics
    ///
    /// If one has.
    #[track_caller]
    pub(super) fn check_not_driven(&self, what: &str) {
        assert!(
            !self.is_driven.get(),
            "`{what}` was called while a future of `Runtime::drive` runs the loop of this runtime: \
             spawn the future, or drop the `Drive` first"
        );
    }

    /// Leaves the sleep between two turns: the loop runs, and other threads need not notify.
    pub(super) fn leave_sleep(&self) {
        self.executor.notify_at_ready(false);
        self.reactor.host_is_awake();
        if self.asleep_between_turns.replace(false) {
            self.executor.wake_up();
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::reactor::Backend;
    use crate::time::{Instant, sleep};

    /// Turns a reactor whose clock is stopped, with a timer in an hour. Returns how often the turn
    /// called `may_jump`, and whether the clock jumped. `answers` are the results of the calls.
    fn turn(backend: Backend, answers: &'static [bool]) -> (usize, bool) {
        let (sender, receiver) = channel();
        // On another thread, so that a turn that waits forever fails the test.
        thread::spawn(move || {
            let runtime = Runtime::builder()
                .backend(backend)
                .start_paused(true)
                .build()
                .expect("descriptors");
            let parts = &runtime.parts;
            drop(runtime.spawn(async { sleep(Duration::from_secs(3600)).await }));
            runtime.turn().expect("events");
            parts.leave_sleep();
            let before = parts.enter(Instant::now);
            let asked = Cell::new(0);
            let may_jump = || answers[asked.replace(asked.get() + 1)];
            parts
                .enter(|| parts.turn_reactor(&may_jump))
                .expect("events");
            let jumped = parts.enter(Instant::now) != before;
            sender.send((asked.get(), jumped)).expect("a receiver");
        });
        // The limit only ends a test that fails.
        receiver
            .recv_timeout(Duration::from_secs(60))
            .expect("a turn without a wait")
    }

    #[test]
    fn a_wait_with_a_limit_ends_at_the_next_timer() {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let runtime = Runtime::new().expect("descriptors");
            drop(runtime.spawn(async { sleep(Duration::from_millis(1)).await }));
            runtime.turn().expect("events");
            let parts = &runtime.parts;
            parts.leave_sleep();
            let wait = Wait::AtMost(Duration::from_secs(3600));
            parts.enter(|| parts.reactor.turn(wait)).expect("events");
            sender.send(()).expect("a receiver");
        });
        // The limit only ends a test that fails.
        receiver
            .recv_timeout(Duration::from_secs(60))
            .expect("a turn that ends long before an hour");
    }

    #[test]
    fn a_message_between_the_two_calls_of_may_jump_makes_no_turn_wait() {
        for backend in [Backend::Auto, Backend::Portable] {
            assert_eq!(turn(backend, &[true, false]), (2, false));
            assert_eq!(turn(backend, &[true, true]), (2, true));
            assert_eq!(turn(backend, &[false]), (1, false));
        }
    }
}

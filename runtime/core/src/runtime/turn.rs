//! The run loop in single steps, for another event loop to drive.
//!
//! A step ends asleep, in the sense of the handshake in `executor/remote.rs`: from then on other
//! threads notify the reactor's descriptor, which the foreign loop waits for. The next step, or a
//! `block_on`, wakes up first.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use super::pace::Pace;
use super::{Parts, Runtime};
use crate::context;
use crate::executor::Tick;
use crate::reactor::{NextWait, Wait};

impl Runtime {
    /// Runs one step of the loop without waiting: takes in what is ready at the reactor, fires the
    /// timers that are due, then runs the tasks that are ready, for about 100 µs if there are that
    /// many.
    ///
    /// With [`next_timeout`](Self::next_timeout) and the runtime's descriptor ([`AsFd`]), another
    /// event loop drives this one:
    ///
    /// 1. Wait until the descriptor is readable, for the time of `next_timeout` at most. Nothing may
    ///    come between the asking and the waiting that could wake a task on this thread.
    /// 2. Call `turn`, whatever ended the wait, and go back to 1.
    ///
    /// Other threads need to do nothing: a wake makes the descriptor readable.
    ///
    /// # Errors
    ///
    /// If the reactor can't ask the system for events any more.
    ///
    /// # Panics
    ///
    /// If called inside a runtime on the same thread.
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
        context::run("turn", &self.parts.context, || {
            self.parts.enter(|| self.parts.one_turn())
        })
    }

    /// How long another event loop may wait for the runtime's descriptor before it calls
    /// [`turn`](Self::turn): `None`, until it is readable; zero, not at all, as tasks are ready.
    ///
    /// Ask right before the wait: what runs on this thread in between may spawn, wake, and arm
    /// timers. For an example see [`turn`](Self::turn).
    pub fn next_timeout(&self) -> Option<Duration> {
        self.parts.next_timeout()
    }
}

/// The descriptor that another event loop waits for, until it is readable. It is the reactor's own:
/// nothing may be read from it. See [`Runtime::turn`].
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

impl Parts {
    fn one_turn(&self) -> io::Result<()> {
        self.rouse();
        self.executor.receive();
        // A stopped clock jumps in here, if nothing is ready and nothing has happened.
        let was_ready = self.executor.has_ready();
        let stands_still = || !was_ready && self.is_still() && !self.executor.has_ready();
        self.files.flush();
        self.executor
            .with_wake_order(|| self.turn_reactor(&stands_still))
            .0?;
        let mut pace = Pace::of_a_step(self.event_interval);
        loop {
            self.executor.receive();
            let tick = pace.portion(|batch| self.executor.tick(batch));
            let idle = tick == Tick::Idle && !self.files.flush() && !self.executor.is_pending();
            // A batch is as long as a slice of time at the most.
            if idle || pace.is_used_up() {
                break;
            }
        }
        self.files.flush();
        self.doze();
        Ok(())
    }

    /// A non-blocking reactor turn, in which a stopped clock may jump.
    ///
    /// The loop is awake, so other threads don't notify the reactor: whatever `may_jump` answers at a
    /// later moment, this must not wait.
    fn turn_reactor(&self, may_jump: &dyn Fn() -> bool) -> io::Result<()> {
        self.reactor.turn(match self.reactor.next_wait(may_jump) {
            NextWait::Stopped => Wait::Jump { may_jump },
            NextWait::Never | NextWait::In(_) => Wait::Poll,
        })
    }

    fn next_timeout(&self) -> Option<Duration> {
        if self.files.flush() || !self.doze() || self.executor.has_ready() {
            return Some(Duration::ZERO);
        }
        match self.reactor.next_wait(&|| self.is_still()) {
            NextWait::Never => None,
            NextWait::In(timeout) => Some(timeout),
            NextWait::Stopped => Some(Duration::ZERO),
        }
    }

    /// From now on other threads notify the reactor. `false`: they have sent something already.
    fn doze(&self) -> bool {
        if !self.asleep_outside.get() {
            self.asleep_outside.set(self.executor.fall_asleep());
        }
        self.asleep_outside.get() && !self.executor.is_pending()
    }

    /// The loop runs again: other threads need not notify.
    pub(super) fn rouse(&self) {
        if self.asleep_outside.replace(false) {
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

    /// Turns the reactor of a stopped clock with a timer in an hour. Returns how often the turn asked
    /// whether the clock may jump, and whether it did. `answers` is for each time.
    fn turn(backend: Backend, answers: &'static [bool]) -> (usize, bool) {
        let (sender, receiver) = channel();
        // On a thread, so that a turn that waits for ever fails the test.
        thread::spawn(move || {
            let runtime = Runtime::builder()
                .backend(backend)
                .start_paused(true)
                .build()
                .expect("descriptors");
            let parts = &runtime.parts;
            drop(runtime.spawn(async { sleep(Duration::from_secs(3600)).await }));
            runtime.turn().expect("events");
            parts.rouse();
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
    fn a_message_between_the_two_questions_about_a_stopped_clock_makes_no_turn_wait() {
        for backend in [Backend::Auto, Backend::Portable] {
            assert_eq!(turn(backend, &[true, false]), (2, false));
            assert_eq!(turn(backend, &[true, true]), (2, true));
            assert_eq!(turn(backend, &[false]), (1, false));
        }
    }
}

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
use crate::executor::{Tick, current};
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
        current::run("turn", || self.parts.enter(|| self.parts.one_turn()))
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
        let wait = match self.reactor.next_wait(&stands_still) {
            NextWait::Stopped => Wait::Park {
                may_jump: &stands_still,
            },
            NextWait::Never | NextWait::In(_) => Wait::Poll,
        };
        self.executor.look(|| self.reactor.turn(wait)).0?;
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

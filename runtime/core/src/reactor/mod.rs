//! The reactor: waits for descriptors and timers, and wakes the tasks that wait for them.
//!
//! [`Async`] makes any descriptor async. The sockets of `wakeful-net` are built on it. [`AsyncFd`]
//! does the same with tokio's names.

// Each loop has one `polling::Poller`. Each descriptor is registered once, edge-triggered, for both
// directions.
//
// - **Backends.** `backend.rs` chooses between `sys/linux/epoll.rs` and `portable.rs`. Only the raw
//   backend reports the end of a stream, so with the portable one only `WouldBlock` clears
//   readiness. Both run the same tests. Both wait once when they are made, so a wait that the
//   system refuses is an error of the builder and not a panic of the loop.
// - **Readiness** is set in `Reactor::turn` and nowhere else; see `source.rs`.
// - **Keys** are a slot and a generation (`registration.rs`): an event that was fetched before its
//   descriptor was closed finds another generation and is dropped.
// - **Waiters** are of two kinds, see `waiters.rs`.
// - **Faults.** The device stands between the reactor and its backend: waits and each attempt of a
//   system call on a descriptor go through it. With the feature `faults` it is `device/faulty.rs`,
//   otherwise `device/noop.rs`.

mod adapter;
mod async_fd;
mod backend;
pub(crate) mod current;
#[cfg(feature = "faults")]
#[path = "device/faulty.rs"]
mod device;
#[cfg(not(feature = "faults"))]
#[path = "device/noop.rs"]
mod device;
mod interest;
mod notifier;
mod portable;
mod ready;
mod registration;
#[cfg(feature = "sim")]
mod simulated;
mod source;
mod state;
mod waiters;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::Duration;

pub use adapter::Async;
pub use async_fd::{
    AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, AsyncFdTryNewError,
    TryIoError,
};
pub use backend::Backend;
pub use interest::Interest;
pub(crate) use notifier::Notifier;
pub use ready::Ready;
pub use source::Source;

use crate::context::{self, Wakers};
use crate::faults::Injector;
use crate::observe::{Histogram, HistogramRecorder};
use crate::sim::Mode;
use crate::sys::Event;
pub(crate) use crate::time::driver::Next as NextWait;
use crate::time::driver::{self, Timers};
use crate::trace;
use crate::unwind::catch_each;
use backend::Driver;
use device::Device;
use registration::Registrations;
use state::State;

/// Default of the largest number of events of one wait.
pub(crate) const EVENTS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// The loop will not turn again.
const SHUT_DOWN: u8 = 1 << 0;
/// Another event loop waits for this one, see `runtime/turn.rs`: an earlier deadline, or a request
/// for the loop, notifies it.
const NOTIFIES_HOST: u8 = 1 << 1;

/// The descriptors and timers of one loop. Owner thread only.
pub(crate) struct Reactor {
    device: Device,
    io_events: NonZeroUsize,
    registrations: RefCell<Registrations>,
    timers: Timers,
    // Empty between turns; kept for their memory.
    events: Cell<Vec<Event>>,
    wakers: Cell<Vec<Waker>>,
    /// [`SHUT_DOWN`], [`NOTIFIES_HOST`].
    flags: Cell<u8>,
    /// While `NOTIFIES_HOST` is set: the deadline for which the host waits, in the clock's time.
    announced: Cell<u64>,
    /// Whether a task has tried a descriptor that was not ready, without waiting for it.
    missed_tries: Cell<bool>,
    waits: HistogramRecorder,
    trace: trace::Recorder,
}

/// How long a turn may wait.
#[derive(Clone, Copy)]
pub(crate) enum Wait<'a> {
    /// The turn does not wait.
    Poll,
    /// The turn waits for an event, at most this long.
    AtMost(Duration),
    /// The turn waits until an event arrives or a timer is due. `may_jump`: whether a stopped clock
    /// may jump to the next timer instead.
    Park { may_jump: &'a dyn Fn() -> bool },
    /// The turn does not wait. If there was no event and `may_jump` returns true, a stopped clock
    /// jumps to the next timer.
    Jump { may_jump: &'a dyn Fn() -> bool },
}

/// Figures of a reactor.
#[derive(Clone, Debug)]
pub(crate) struct ReactorStats {
    /// Number of events of each wait.
    pub(crate) events_per_wait: Histogram,
    pub(crate) sources: usize,
    pub(crate) timers: driver::TimerStats,
}

impl Reactor {
    pub(crate) fn new(
        backend: Backend,
        simulated: Option<Mode>,
        io_events: NonZeroUsize,
        trace: trace::Recorder,
        faults: Injector,
    ) -> io::Result<Rc<Reactor>> {
        Ok(Rc::new(Reactor {
            device: Device::new(Driver::new(backend, simulated, io_events)?, faults.clone()),
            io_events,
            registrations: RefCell::default(),
            timers: Timers::new(trace.clone(), faults),
            events: Cell::default(),
            wakers: Cell::default(),
            flags: Cell::new(0),
            announced: Cell::new(u64::MAX),
            missed_tries: Cell::new(false),
            waits: HistogramRecorder::default(),
            trace,
        }))
    }

    pub(crate) fn notifier(&self) -> Notifier {
        self.device.notifier()
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn pause_clock(&self) {
        self.timers.pause();
    }

    /// Returns what the timers require of a wait that would begin now.
    pub(crate) fn next_wait(&self, may_jump: &dyn Fn() -> bool) -> NextWait {
        self.timers.next(may_jump)
    }

    /// Returns the descriptor that is readable when a turn would find an event.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }

    /// Waits once, wakes the waiters of descriptors that are ready, and fires the timers that are
    /// due. Returns the number of events.
    ///
    /// # Errors
    ///
    /// If the system can't wait. This happens only if foreign code closed a descriptor of the
    /// reactor.
    pub(crate) fn turn(&self, wait: Wait<'_>) -> io::Result<usize> {
        let next = match wait {
            Wait::Poll => NextWait::In(Duration::ZERO),
            Wait::AtMost(limit) => match self.timers.next(&|| false) {
                NextWait::In(timeout) => NextWait::In(timeout.min(limit)),
                NextWait::Never | NextWait::Stopped => NextWait::In(limit),
            },
            Wait::Park { may_jump } => self.timers.next(may_jump),
            Wait::Jump { .. } => NextWait::Stopped,
        };
        let events = match next {
            NextWait::Never => self.wait(None)?,
            NextWait::In(timeout) => self.wait(Some(timeout))?,
            // Real events go before a jump of virtual time.
            NextWait::Stopped => {
                let events = self.wait(Some(Duration::ZERO))?;
                if let Wait::Park { may_jump } | Wait::Jump { may_jump } = wait
                    && events == 0
                    && may_jump()
                {
                    self.timers.jump();
                }
                events
            }
        };
        self.timers.read_clock();
        Ok(events)
    }

    /// Waits for events, dispatches them, and returns their number.
    fn wait(&self, timeout: Option<Duration>) -> io::Result<usize> {
        let mut events = self.events.take();
        let wait = self.trace.wait(timeout);
        let result = self.device.wait(timeout, &mut events);
        wait.ended(events.len(), result.is_err());
        self.waits.record(events.len() as u64);
        let mut wakers = self.wakers.take();
        let registrations = self.registrations.borrow();
        for event in &events {
            if let Some(state) = registrations.get(event.key) {
                state.dispatch(event, &mut wakers);
                let trace = &self.trace;
                trace.dispatched(event.key, || State::directions(event), wakers.len());
            }
        }
        drop(registrations);
        let count = events.len();
        events.clear();
        self.events.set(events);
        self.wake_all(wakers);
        result.map(|()| count)
    }

    /// Wakes all of them with nothing borrowed, as a foreign waker may register and deregister
    /// descriptors. A waker that panics does not keep the others from being woken.
    fn wake_all(&self, mut wakers: Vec<Waker>) {
        // Wake in the order in which the wakers were stored.
        wakers.reverse();
        let mut trace = self.trace.waking();
        catch_each(|| {
            let Some(waker) = wakers.pop() else {
                return false;
            };
            trace.next();
            waker.wake();
            true
        });
        drop(trace);
        self.wakers.set(wakers);
    }

    /// Whether a turn with this many events may have left some, as each returns a limited number.
    /// A notification takes the place of an event.
    pub(crate) fn may_have_left(&self, events: usize) -> bool {
        events + 1 >= self.io_events.get()
    }

    /// Whether a descriptor is registered. Without one, a turn only needs to read the clock: remote
    /// messages need no turn.
    pub(crate) fn has_sources(&self) -> bool {
        self.registrations.borrow().len() > 0
    }

    /// Reads the clock and fires the timers that are due. Returns the real time since an arbitrary
    /// moment in the past.
    pub(crate) fn read_clock(&self) -> Duration {
        self.timers.read_clock();
        self.timers.last_reading()
    }

    /// Returns the real time that `read_clock` or a turn read last.
    pub(crate) fn last_reading(&self) -> Duration {
        self.timers.last_reading()
    }

    fn register(&self, fd: BorrowedFd<'_>, what: Interest, state: Rc<State>) -> io::Result<usize> {
        let key = self.registrations.borrow_mut().insert(state);
        self.device.add(fd, key, what).inspect_err(|_| {
            self.registrations.borrow_mut().remove(key);
        })?;
        self.trace.registered(key, fd.as_raw_fd());
        Ok(key)
    }

    /// Registers a source without a descriptor.
    #[allow(dead_code, reason = "for the feature `sim`")]
    fn register_simulated(&self, state: Rc<State>) -> usize {
        self.registrations.borrow_mut().insert(state)
    }

    /// Removes the registration of the descriptor `number`. `fd` is `None` if it may be closed by
    /// now.
    fn deregister(&self, number: RawFd, fd: Option<BorrowedFd<'_>>, key: usize) {
        let state = self.registrations.borrow_mut().remove(key);
        // This fails only if foreign code has closed the descriptor, which deregistered it.
        let _ = self.device.remove(fd, key);
        self.trace.deregistered(key, number);
        drop(state);
    }

    /// Notes that the running loop waits for `what`, which belongs to this reactor, and that this
    /// is the reactor of another runtime.
    #[cold]
    pub(crate) fn note_foreign(self: &Rc<Self>, what: String) {
        context::note_foreign(what, Box::new(Rc::downgrade(self)));
    }

    /// Whether a task waits for some descriptor.
    pub(crate) fn is_waited_for(&self) -> bool {
        let registrations = self.registrations.borrow();
        registrations.iter().any(|state| state.is_waited_for())
    }

    fn each_of_sources(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        let registrations = self.registrations.borrow();
        registrations
            .iter()
            .try_for_each(|state| state.each_waker(f))
    }

    /// Returns whether a task has tried a descriptor that was not ready, since the last call.
    pub(crate) fn take_missed_tries(&self) -> bool {
        self.missed_tries.replace(false)
    }

    fn reports_hangup(&self) -> bool {
        self.device.reports_hangup()
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.flags.get() & SHUT_DOWN != 0
    }

    /// Whether the loop has ended, or another event loop waits for it. One test for both, for code
    /// that seldom finds either.
    #[inline(always)]
    pub(crate) fn is_unusual(&self) -> bool {
        self.flags.get() != 0
    }

    /// Notes that another event loop waits, at most until the next timer is due.
    pub(crate) fn host_waits(&self) {
        self.announced.set(self.timers.next_deadline());
        self.flags.set(self.flags.get() | NOTIFIES_HOST);
    }

    /// Notes that the loop runs.
    pub(crate) fn host_is_awake(&self) {
        self.flags.set(self.flags.get() & !NOTIFIES_HOST);
    }

    /// Ends the wait of the host, if it waits, because the loop has something to do. A host that
    /// was notified is not notified again before the next turn.
    #[inline]
    pub(crate) fn notify_host(&self) {
        if self.flags.get() & NOTIFIES_HOST != 0 {
            self.host_is_awake();
            self.device.notifier().notify();
        }
    }

    /// Ends the wait of the host if it would outlast this deadline, whose timer was armed just now.
    pub(crate) fn notify_host_of(&self, deadline: u64) {
        if deadline < self.announced.get() {
            self.notify_host();
        }
    }

    /// Ends all waits, as the loop will not turn again: wakes all waiters, whose next polls fail.
    pub(crate) fn shut_down(&self) {
        self.flags.set(SHUT_DOWN);
        let mut wakers = self.timers.disarm_all();
        for state in self.registrations.borrow().iter() {
            state.take_all(&mut wakers);
        }
        self.wake_all(wakers);
    }

    pub(crate) fn stats(&self) -> ReactorStats {
        ReactorStats {
            events_per_wait: self.waits.snapshot(),
            sources: self.registrations.borrow().len(),
            timers: self.timers.stats(),
        }
    }
}

impl Wakers for Weak<Reactor> {
    fn each(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(reactor) = self.upgrade() else {
            return ControlFlow::Continue(());
        };
        reactor.each_of_sources(f)?;
        reactor.timers.each_waker(f)
    }

    fn address(&self) -> *const () {
        self.as_ptr().cast()
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor").finish_non_exhaustive()
    }
}

//! The reactor: descriptors become ready, timers fire, and wakers are woken.
//!
//! [`Async`] makes any descriptor async. Sockets in `wakeful-net` are built on it.

mod adapter;
mod backend;
pub(crate) mod current;
mod event;
#[cfg(not(feature = "faults"))]
#[path = "faultless.rs"]
mod faulty;
#[cfg(feature = "faults")]
mod faulty;
mod interest;
mod notifier;
mod portable;
#[cfg(target_os = "linux")]
mod pwait2;
#[cfg(target_os = "linux")]
mod raw;
mod registration;
mod source;
mod state;
mod waiters;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::Duration;

pub use adapter::Async;
pub use backend::Backend;
pub use interest::Interest;
pub(crate) use notifier::Notifier;
pub use source::Source;

use crate::context::{self, Wakers};
use crate::faults::Injector;
use crate::observe::{Histogram, HistogramRecorder};
pub(crate) use crate::time::driver::Next as NextWait;
use crate::time::driver::{self, Timers};
use crate::trace;
use crate::unwind::each_quietly;
use backend::Driver;
use event::Event;
use faulty::Device;
use registration::Registrations;
use state::State;

/// What waits on behalf of one loop: its descriptors and its timers. Owner thread only.
pub(crate) struct Reactor {
    device: Device,
    registrations: RefCell<Registrations>,
    timers: Timers,
    /// Kept between turns for their memory.
    events: Cell<Vec<Event>>,
    wakers: Cell<Vec<Waker>>,
    shut_down: Cell<bool>,
    waits: HistogramRecorder,
    trace: trace::Recorder,
}

/// How long a turn may wait.
#[derive(Clone, Copy)]
pub(crate) enum Wait<'a> {
    /// Not at all.
    Poll,
    /// For so long at most, if nothing happens.
    AtMost(Duration),
    /// Until something happens. `may_jump`: may a stopped clock jump to the next timer?
    Park { may_jump: &'a dyn Fn() -> bool },
    /// Not at all. If nothing has happened and `may_jump` says so, a stopped clock jumps.
    Jump { may_jump: &'a dyn Fn() -> bool },
}

/// What the reactor has done so far.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    /// Each with how many events it brought.
    pub(crate) events_per_wait: Histogram,
    pub(crate) sources: usize,
    pub(crate) timers: driver::Stats,
}

impl Reactor {
    pub(crate) fn new(
        backend: Backend,
        trace: trace::Recorder,
        faults: Injector,
    ) -> io::Result<Rc<Reactor>> {
        Ok(Rc::new(Reactor {
            device: Device::new(Driver::new(backend)?, faults.clone()),
            registrations: RefCell::default(),
            timers: Timers::new(trace.clone(), faults),
            events: Cell::default(),
            wakers: Cell::default(),
            shut_down: Cell::new(false),
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

    /// What the timers say about a wait that would begin now.
    pub(crate) fn next_wait(&self, may_jump: &dyn Fn() -> bool) -> NextWait {
        self.timers.next(may_jump)
    }

    /// The descriptor that is readable when a turn would find something.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }

    /// Waits once, wakes those whose descriptors are ready, and fires the timers that are due.
    ///
    /// # Errors
    ///
    /// If the system can't wait, which it can unless someone closed a descriptor of the reactor.
    pub(crate) fn turn(&self, wait: Wait<'_>) -> io::Result<()> {
        let next = match wait {
            Wait::Poll => NextWait::In(Duration::ZERO),
            Wait::AtMost(limit) => NextWait::In(limit),
            Wait::Park { may_jump } => self.timers.next(may_jump),
            Wait::Jump { .. } => NextWait::Stopped,
        };
        match next {
            NextWait::Never => _ = self.wait(None)?,
            NextWait::In(timeout) => _ = self.wait(Some(timeout))?,
            // What has really happened goes before what virtually would.
            NextWait::Stopped => {
                let happened = self.wait(Some(Duration::ZERO))? > 0;
                if let Wait::Park { may_jump } | Wait::Jump { may_jump } = wait
                    && !happened
                    && may_jump()
                {
                    self.timers.jump();
                }
            }
        }
        self.timers.look();
        Ok(())
    }

    /// Returns how many events there were.
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
                trace.dispatched(event.key, || State::readiness(event), wakers.len());
            }
        }
        drop(registrations);
        let count = events.len();
        events.clear();
        self.events.set(events);
        self.wake_all(wakers);
        result.map(|()| count)
    }

    /// Wakes with nothing borrowed, as a waker may register and deregister. One that panics is passed
    /// over, as everywhere: see `task::waker::wake_quietly`.
    fn wake_all(&self, mut wakers: Vec<Waker>) {
        // First come, first woken.
        wakers.reverse();
        let mut trace = self.trace.waking();
        each_quietly(|| {
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

    /// Is there a descriptor to ask about? Other threads are heard without asking.
    pub(crate) fn has_sources(&self) -> bool {
        self.registrations.borrow().len() > 0
    }

    /// Reads the clock and fires what is due, without a syscall. Returns the real time, since
    /// some moment in the past.
    pub(crate) fn look_at_clock(&self) -> Duration {
        self.timers.look();
        self.timers.last_look()
    }

    /// What the last look at the clock, by this or by a turn, has read.
    pub(crate) fn last_look(&self) -> Duration {
        self.timers.last_look()
    }

    fn register(&self, fd: BorrowedFd<'_>, state: Rc<State>) -> io::Result<usize> {
        let key = self.registrations.borrow_mut().insert(state);
        self.device.add(fd, key).inspect_err(|_| {
            self.registrations.borrow_mut().remove(key);
        })?;
        self.trace.registered(key, fd.as_raw_fd());
        Ok(key)
    }

    fn deregister(&self, fd: BorrowedFd<'_>, key: usize) {
        let state = self.registrations.borrow_mut().remove(key);
        // It can only fail if someone else closed the descriptor, which deregistered it.
        let _ = self.device.remove(fd, key);
        self.trace.deregistered(key, fd.as_raw_fd());
        drop(state);
    }

    /// The loop that runs waits for something of this reactor, which is not its own.
    #[cold]
    pub(crate) fn note_foreign(self: &Rc<Self>, what: String) {
        context::note_foreign(what, Box::new(Rc::downgrade(self)));
    }

    /// Whether a waker for which `f` says so waits for a descriptor.
    pub(crate) fn is_waited_for(&self, f: impl Fn(&Waker) -> bool) -> bool {
        self.each_of_sources(&mut |waker| match f(waker) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
        .is_break()
    }

    fn each_of_sources(&self, f: &mut dyn FnMut(&Waker) -> ControlFlow<()>) -> ControlFlow<()> {
        let registrations = self.registrations.borrow();
        registrations
            .iter()
            .try_for_each(|state| state.each_waker(f))
    }

    fn tells_closed(&self) -> bool {
        self.device.tells_closed()
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.shut_down.get()
    }

    /// The loop will not turn again: those who wait are woken, to learn it.
    pub(crate) fn shut_down(&self) {
        self.shut_down.set(true);
        let mut wakers = self.timers.give_up();
        for state in self.registrations.borrow().iter() {
            state.take_all(&mut wakers);
        }
        self.wake_all(wakers);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
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

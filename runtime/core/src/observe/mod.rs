//! What can be seen of a loop while it runs: which task it polls, for the stall detector, and how
//! long things take, for the metrics.
//!
//! An executor that nobody asked to be observed has no [`Observer`], and its loop pays nothing: it
//! looks once a batch of polls whether there is one.

mod beat;
mod histogram;
mod limit;
mod roster;

use std::cell::{Cell, RefCell};
use std::panic::Location;

use std::sync::Arc;

pub(crate) use beat::{Beat, Stuck};
pub use histogram::Histogram;
pub(crate) use histogram::Recorder;
pub(crate) use limit::Limit;
pub(crate) use roster::Who;

use crate::faults::{Config, Injector};
use crate::task::Id;
use crate::time::clock::Clock;

/// What the owner thread writes down about its loop.
pub(crate) struct Observer {
    beat: Arc<Beat>,
    polls: Cell<u32>,
    clock: Clock,
    times: Option<Times>,
    limit: Option<Limit>,
    /// When the poll that goes on began, and whose it is; only for the two above.
    began: Cell<u64>,
    who: RefCell<Option<Who>>,
}

/// The levels of the metrics that read clocks.
#[derive(Default)]
struct Times {
    /// By slot: when the task was queued; zero if it is not known.
    queued: RefCell<Vec<u64>>,
    wake_to_poll: Recorder,
    poll: Recorder,
}

impl Observer {
    pub(crate) fn new(beat: Arc<Beat>, times: bool, limit: Option<Limit>) -> Observer {
        Observer {
            beat,
            polls: Cell::new(0),
            clock: Clock::new(Injector::new(&Config::default())),
            times: times.then(Times::default),
            limit,
            began: Cell::new(0),
            who: RefCell::new(None),
        }
    }

    /// Do wakes have to be told to [`queued`](Self::queued)?
    pub(crate) fn times_wakes(&self) -> bool {
        self.times.is_some()
    }

    /// There is a new task.
    #[cold]
    #[inline(never)]
    pub(crate) fn spawned(&self, slot: u32, id: Id, location: &'static Location<'static>) {
        self.beat.roster.enter(slot, id, location);
        self.queued(slot);
    }

    pub(crate) fn named(&self, id: Id, name: &str) {
        self.beat.roster.name(id, name);
    }

    /// A task that had a name is gone.
    pub(crate) fn unnamed(&self, id: Id) {
        self.beat.roster.unname(id);
    }

    /// A task waits in line from now on.
    pub(crate) fn queued(&self, slot: u32) {
        if let Some(times) = &self.times {
            let mut queued = times.queued.borrow_mut();
            let slot = slot as usize;
            if slot >= queued.len() {
                queued.resize((slot + 1).next_power_of_two(), 0);
            }
            queued[slot] = self.clock.real();
        }
    }

    /// The task in `slot` is polled from now on.
    #[cold]
    pub(crate) fn poll_begins(&self, slot: u32) {
        let polls = self.polls.get().wrapping_add(1);
        self.polls.set(polls);
        self.beat.begin(polls, slot);
        if self.times.is_none() && self.limit.is_none() {
            return;
        }
        if self.limit.is_some() {
            // Asked for before the poll, after which the task may be gone.
            self.who.replace(self.beat.roster.who(slot));
        }
        let now = self.clock.real();
        self.began.set(now);
        if let Some(times) = &self.times {
            times.begins(slot, now);
        }
    }

    /// That poll has ended, if it has not before.
    #[cold]
    pub(crate) fn poll_ends(&self) {
        let began = self.began.take();
        if began == 0 {
            return;
        }
        let took = self.clock.real().saturating_sub(began);
        if let Some(times) = &self.times {
            times.poll.record(took);
        }
        if let (Some(limit), Some(who)) = (&self.limit, self.who.take()) {
            limit.check(who, took);
        }
    }

    /// No task is polled from now on.
    #[cold]
    pub(crate) fn idle(&self) {
        self.beat.idle();
    }

    /// To be called where a panic does no harm.
    ///
    /// # Panics
    ///
    /// If a poll took longer than the limit allows.
    #[track_caller]
    pub(crate) fn enforce_limit(&self) {
        if let Some(long) = self.limit.as_ref().and_then(Limit::take) {
            panic!("{long}");
        }
    }

    pub(crate) fn beat(&self) -> &Arc<Beat> {
        &self.beat
    }

    /// Wake to poll, and the polls themselves, in nanoseconds.
    pub(crate) fn times(&self) -> Option<(Histogram, Histogram)> {
        let times = self.times.as_ref()?;
        Some((times.wake_to_poll.snapshot(), times.poll.snapshot()))
    }
}

impl Times {
    fn begins(&self, slot: u32, now: u64) {
        if let Some(queued) = self.queued.borrow_mut().get_mut(slot as usize)
            && *queued != 0
        {
            self.wake_to_poll.record(now.saturating_sub(*queued));
            *queued = 0;
        }
    }
}

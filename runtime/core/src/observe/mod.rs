//! Observation of a running loop: which task it polls, for the stall detector, and how long wakes
//! and polls take, for the metrics.
//!
//! An executor has an [`Observer`] if stalls are detected, times measured or polls limited, and
//! none otherwise. The loop checks that once a batch of polls; with an observer,
//! `executor/observed.rs` runs the batch. Wakes that an observer times have the bit `TIMED` in the
//! state of the task, which is in the mask that each wake tests anyway.
//!
//! Metrics are snapshots of counts that executor, reactor, wheel, pool and observer make with plain
//! additions. Local wakes have no counter: they are the pushes into the run queue without another
//! cause. The polls of a batch are added at its end, so these two counts lag by at most one batch.
//! No count ever decreases.

mod histogram;
mod limit;
mod poll_marker;
mod task_table;

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;

pub use histogram::Histogram;
pub(crate) use histogram::HistogramRecorder;
pub(crate) use limit::Limit;
pub(crate) use poll_marker::{PollMarker, StuckPoll};
pub(crate) use task_table::TaskInfo;

use crate::faults::{Config, Injector};
use crate::task::Id;
use crate::time::clock::Clock;

/// Observer of one loop. Owner thread only.
pub(crate) struct Observer {
    marker: Arc<PollMarker>,
    polls: Cell<u32>,
    clock: Clock,
    times: Option<Times>,
    limit: Option<Limit>,
    /// Start of the running poll, for `times` and `limit`; zero if none is running.
    began: Cell<u64>,
    /// Task of the running poll, for `limit`.
    task: RefCell<Option<TaskInfo>>,
}

/// Durations that [`MetricsLevel::Times`](crate::MetricsLevel::Times) records.
#[derive(Default)]
struct Times {
    /// By slot, the time at which the task was queued; zero if it is not known.
    queued: RefCell<Vec<u64>>,
    wake_to_poll: HistogramRecorder,
    poll: HistogramRecorder,
}

impl Observer {
    pub(crate) fn new(marker: Arc<PollMarker>, times: bool, limit: Option<Limit>) -> Observer {
        Observer {
            marker,
            polls: Cell::new(0),
            clock: Clock::new(Injector::new(&Config::default())),
            times: times.then(Times::default),
            limit,
            began: Cell::new(0),
            task: RefCell::new(None),
        }
    }

    /// Whether wakes have to call [`queued`](Self::queued).
    pub(crate) fn times_wakes(&self) -> bool {
        self.times.is_some()
    }

    /// Adds a new task.
    #[cold]
    #[inline(never)]
    pub(crate) fn spawned(&self, slot: u32, id: Id, location: &'static Location<'static>) {
        self.marker.tasks.insert(slot, id, location);
        self.queued(slot);
    }

    /// Sets the name of a task.
    pub(crate) fn named(&self, id: Id, name: &str) {
        self.marker.tasks.name(id, name);
    }

    /// Removes the name of a task that is freed.
    pub(crate) fn unnamed(&self, id: Id) {
        self.marker.tasks.unname(id);
    }

    /// Records that a task is queued now.
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

    /// Records that the poll of the task in `slot` begins now.
    #[cold]
    pub(crate) fn poll_begins(&self, slot: u32) {
        let polls = self.polls.get().wrapping_add(1);
        self.polls.set(polls);
        self.marker.begin(polls, slot);
        if self.times.is_none() && self.limit.is_none() {
            return;
        }
        if self.limit.is_some() {
            // Read before the poll, after which the task may be gone.
            self.task.replace(self.marker.tasks.get_named(slot));
        }
        let now = self.clock.real();
        self.began.set(now);
        if let Some(times) = &self.times {
            times.begins(slot, now);
        }
    }

    /// Records that the poll has ended. Does nothing if that is recorded already.
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
        if let (Some(limit), Some(task)) = (&self.limit, self.task.take()) {
            limit.check(task, took);
        }
    }

    /// Records that no poll is running.
    #[cold]
    pub(crate) fn idle(&self) {
        self.marker.idle();
    }

    /// Panics if a poll was too long. Called where a panic does no harm.
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

    /// Returns the marker that the watchdog reads.
    pub(crate) fn marker(&self) -> &Arc<PollMarker> {
        &self.marker
    }

    /// Returns the histograms of the times from wake to poll and of polls, in nanoseconds.
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

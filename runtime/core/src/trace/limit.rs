//! The limit of the rate of events. Time is divided into slices. In each, a number of events is
//! recorded in full; then, until the slice ends, events are only counted: that is a gap. At its
//! end a record says how many events were left out, and one for each task how often it was polled
//! and woken and how long it ran. So the trace shows the beginning of each slice event by event,
//! and the rest in sums, at any rate.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::table::TaskKey;

/// The length of a slice.
pub(super) const SLICE: Duration = Duration::from_millis(100);
/// The number of tasks of a gap that get a record of their own: those that ran longest.
pub(super) const MOST_SUMS: usize = 64;

/// What a task did in a gap. The length is in stamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct InGap {
    pub(super) task: TaskKey,
    pub(super) polls: u64,
    pub(super) wakes: u64,
    pub(super) ran: u64,
}

/// State of the limit. Owner thread only.
#[derive(Default)]
pub(super) struct Limit {
    /// Number of events in a slice; 0 if there is no limit.
    most: Cell<u64>,
    /// Number of records from which on events of this slice are left out.
    until: Cell<u64>,
    /// Stamp of the end of the slice.
    end: Cell<u64>,
    /// The number of the last gap, and whether it is open. Numbers begin at one.
    gap: Cell<u32>,
    is_open: Cell<bool>,
    /// Stamp of the beginning of the gap.
    pub(super) began: Cell<u64>,
    /// Stamps that the loop had slept when the gap began.
    pub(super) slept: Cell<u64>,
    /// Number of events that the gap has left out.
    pub(super) skipped: Cell<u64>,
    /// Tasks that did something in the gap.
    pub(super) tasks: RefCell<Vec<InGap>>,
}

impl Limit {
    /// Sets the number of events a second; 0 for no limit.
    pub(super) fn set(&self, events_per_second: u32) {
        let slices = Duration::from_secs(1).as_millis() / SLICE.as_millis();
        let most = u64::from(events_per_second).div_ceil(slices as u64);
        self.most.set(most);
        self.until.set(if most == 0 { u64::MAX } else { 0 });
        self.end.set(0);
    }

    /// Whether the slice has place for an event after `written` records. If not, see
    /// [`is_over`](Self::is_over).
    #[inline(always)]
    pub(super) fn admits(&self, written: u64) -> bool {
        written < self.until.get()
    }

    /// Whether the slice has place for an event that matters: four times as many.
    pub(super) fn admits_more(&self, written: u64) -> bool {
        written < self.until.get().saturating_add(4 * self.most.get())
    }

    /// Returns the stamp of the end of the slice.
    pub(super) fn end(&self) -> u64 {
        self.end.get()
    }

    /// Whether the slice is over.
    pub(super) fn is_over(&self, now: u64) -> bool {
        now >= self.end.get()
    }

    /// Counts an event that is left out. The first one opens a gap, before which the loop has slept
    /// for `slept` stamps.
    pub(super) fn leave_out(&self, now: u64, slept: u64) {
        if !self.is_open.get() {
            self.open(now, slept);
        }
        self.skipped.set(self.skipped.get() + 1);
    }

    /// Closes the gap. Returns whether one was open.
    pub(super) fn close(&self) -> bool {
        self.is_open.replace(false)
    }

    /// Begins a slice of this length in stamps, after `written` records.
    pub(super) fn begin_slice(&self, stamp: u64, length: u64, written: u64) {
        let most = self.most.get();
        let until = written.saturating_add(most);
        self.until.set(if most == 0 { u64::MAX } else { until });
        self.end.set(stamp.saturating_add(length));
    }

    /// Opens a gap.
    pub(super) fn open(&self, stamp: u64, slept: u64) {
        self.slept.set(slept);
        self.gap.set(self.gap.get().wrapping_add(1));
        self.is_open.set(true);
        self.began.set(stamp);
        self.skipped.set(0);
    }

    /// Whether a gap is open.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// Returns the number of the last gap.
    pub(super) fn gap(&self) -> u32 {
        self.gap.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_admits_its_number_of_events_and_leaves_out_the_others() {
        let limit = Limit::default();
        limit.set(30);
        assert!(!limit.admits(0) && limit.is_over(100));
        limit.begin_slice(100, 50, 7);
        assert!(limit.admits(7) && limit.admits(9) && !limit.admits(10));
        assert!(!limit.is_over(149) && limit.is_over(150));
        assert!(!limit.is_open());
        limit.leave_out(103, 0);
        limit.leave_out(149, 0);
        assert!(limit.is_open());
        assert_eq!((limit.gap(), limit.skipped.get()), (1, 2));
        assert_eq!(limit.began.get(), 103);
        assert!(limit.close() && !limit.close());
    }

    #[test]
    fn without_a_limit_all_events_are_recorded() {
        let limit = Limit::default();
        limit.set(0);
        assert!((0..1000).all(|written| limit.admits(written)));
    }
}

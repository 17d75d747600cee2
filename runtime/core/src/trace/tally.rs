//! Counts what tasks do, and closes the gaps of the [limit](super::limit).

use std::cmp::Reverse;
use std::time::Duration;

use super::limit::{InGap, MOST_SUMS, SLICE};
use super::record::{Code, Record};
use super::shared::Shared;
use super::table::{Info, TaskKey};

/// Number of polls of a task whose lengths are all recorded in the histograms.
const EXACT: u64 = 64;
/// Of later polls, each of this number is recorded.
const EACH: u64 = 16;

impl Shared {
    /// Counts a poll of a task, and the delay before it. `left_out` says that it was not recorded.
    #[inline]
    pub(super) fn count_poll(&self, task: TaskKey, stamps: u64, left_out: bool) {
        let delay = self.delay.get();
        let mut table = self.table.borrow_mut();
        let Some(info) = table.get_mut(task) else {
            return;
        };
        let counts = &mut info.counts;
        counts.polls += 1;
        if counts.polls <= EXACT || counts.polls.is_multiple_of(EACH) {
            let times = if counts.polls <= EXACT { 1 } else { EACH };
            self.poll_times.record(stamps, times);
            if delay > 0 {
                self.delays.record(delay, times);
            }
        }
        counts.ran += stamps;
        counts.longest = counts.longest.max(stamps);
        counts.delay = counts.delay.max(delay);
        if left_out {
            self.note_in_gap(info, task, |sum| {
                sum.polls += 1;
                sum.ran += stamps;
            });
        }
    }

    /// Counts wakes of a task. `left_out` says that there is no record of them.
    #[inline]
    pub(super) fn count_wakes(&self, task: TaskKey, wakes: u64, by_itself: bool, left_out: bool) {
        let mut table = self.table.borrow_mut();
        let Some(info) = table.get_mut(task) else {
            return;
        };
        info.counts.wakes += wakes;
        info.counts.self_wakes += u64::from(by_itself);
        if left_out {
            self.note_in_gap(info, task, |sum| sum.wakes += wakes);
        }
    }

    /// Adds to what a task did in the gap, which is open.
    #[cold]
    fn note_in_gap(&self, info: &mut Info, task: TaskKey, note: impl FnOnce(&mut InGap)) {
        let gap = self.limit.gap();
        let mut tasks = self.limit.tasks.borrow_mut();
        if info.in_gap.0 != gap {
            info.in_gap = (gap, tasks.len() as u32);
            tasks.push(InGap {
                task,
                polls: 0,
                wakes: 0,
                ran: 0,
            });
        }
        // The numbers of gaps begin anew after 2^32; then the index may be out of date.
        if let Some(sum) = tasks.get_mut(info.in_gap.1 as usize) {
            note(sum);
        }
    }

    /// Records an event that the limit did not admit, or leaves it out and returns zero.
    #[cold]
    #[inline(never)]
    pub(super) fn push_late(
        &self,
        stamp: u64,
        code: Code,
        flag: u8,
        small: u64,
        x: u64,
        y: u64,
    ) -> u64 {
        match self.is_left_out(stamp, code, small, y) {
            true => 0,
            false => self.ring.push(Record::new(stamp, code, flag, small, x, y)),
        }
    }

    /// Whether an event that the limit did not admit is left out. What took long and what was late
    /// is recorded in any case.
    fn is_left_out(&self, stamp: u64, code: Code, small: u64, y: u64) -> bool {
        /// About a third of a millisecond or more, as stamps are not coarser than nanoseconds.
        const LONG: u64 = 1_000_000;
        /// Nanoseconds after which a timer is late.
        const LATE: u64 = 5_000_000;
        let has_length = matches!(
            code,
            Code::Poll | Code::Wait | Code::Ready | Code::TimerFire | Code::Span
        );
        let is_late = code == Code::TimerFire && y >= LATE;
        let matters = code == Code::Stall || is_late || (has_length && small >= LONG);
        if matters && self.limit.admits_more(self.ring.written()) {
            return false;
        }
        // The stamp may be that of the start of a poll that began before the gap.
        let now = self.now();
        if !self.limit.is_over(now.max(stamp)) {
            self.limit.leave_out(now, self.slept.get());
            return true;
        }
        self.end_gap(now);
        let length = self.stamps_of(SLICE);
        self.limit.begin_slice(now, length, self.ring.written());
        false
    }

    /// Returns the number of stamps in a duration, roughly.
    fn stamps_of(&self, duration: Duration) -> u64 {
        const UNIT: u64 = 1 << 30;
        let nanos = self.stamps.scale().length(UNIT).max(1);
        let wanted = duration.as_nanos() * u128::from(UNIT) / u128::from(nanos);
        u64::try_from(wanted).unwrap_or(u64::MAX)
    }

    /// Ends the gap, if one is open: records what it has left out.
    #[cold]
    pub(super) fn end_gap(&self, now: u64) {
        let limit = &self.limit;
        if !limit.close() {
            return;
        }
        let mut tasks = limit.tasks.take();
        if limit.skipped.get() == 0 {
            return;
        }
        tasks.sort_by_key(|sum| Reverse(sum.ran));
        let began = limit.began.get();
        // Nothing was left out after the end of the slice.
        let length = now.min(limit.end()).saturating_sub(began);
        let slept = self.slept.get().saturating_sub(limit.slept.get());
        let push = |code, small, x, y| {
            self.ring.push(Record::new(began, code, 0, small, x, y));
        };
        push(Code::Gap, length, limit.skipped.get(), slept);
        let half = |n: u64| n.min(u64::from(u32::MAX));
        let push_sum = |ran, task: TaskKey, polls, wakes| {
            push(Code::Sum, ran, task.word(), half(polls) << 32 | half(wakes));
        };
        let (own, others) = tasks.split_at(tasks.len().min(MOST_SUMS));
        for sum in own {
            push_sum(sum.ran, sum.task, sum.polls, sum.wakes);
        }
        let (mut ran, mut polls, mut wakes) = (0, 0, 0);
        for sum in others {
            ran += sum.ran;
            polls += sum.polls;
            wakes += sum.wakes;
        }
        if !others.is_empty() {
            push_sum(ran, TaskKey::NONE, polls, wakes);
        }
        // The memory is used again.
        tasks.clear();
        limit.tasks.replace(tasks);
    }

    /// Ends an open gap and begins the next one, so that a reader sees what was left out so far.
    pub(super) fn split_gap(&self) {
        if !self.limit.is_open() {
            return;
        }
        let now = self.now();
        self.end_gap(now);
        if !self.limit.is_over(now) {
            self.limit.open(now, self.slept.get());
        }
    }
}

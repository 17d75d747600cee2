//! Counts of tasks, which miss nothing: events may be overwritten or left out, but each of them is
//! counted when it happens, in the place of its task in the [table](super::table).

use std::cell::Cell;

use crate::observe::Histogram;
use crate::time::stamp::Scale;

/// What a task has done while it was recorded. Counted when it happens, so that it is exact even if
/// events were overwritten or left out. Lengths are nanoseconds.
///
/// Polls are counted from [`Level::Polls`](super::Level::Polls) on, wakes from
/// [`Level::Wakes`](super::Level::Wakes) on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Polls.
    pub polls: u64,
    /// The sum of the lengths of all polls.
    pub ran: u64,
    /// The length of the longest poll.
    pub longest: u64,
    /// Wakes, also those of a task that was already queued. A wake from another thread is counted
    /// when the loop receives it.
    pub wakes: u64,
    /// Wakes by the task itself, during its poll. They are among `wakes`.
    pub self_wakes: u64,
    /// The longest time from a wake that queued the task to the poll.
    pub delay: u64,
}

impl Counts {
    /// Adds the counts of another task.
    pub(super) fn add(&mut self, other: &Counts) {
        self.polls += other.polls;
        self.ran = self.ran.saturating_add(other.ran);
        self.longest = self.longest.max(other.longest);
        self.wakes += other.wakes;
        self.self_wakes += other.self_wakes;
        self.delay = self.delay.max(other.delay);
    }

    /// Converts lengths from stamps to nanoseconds.
    pub(super) fn scaled(&self, scale: Scale) -> Counts {
        Counts {
            ran: scale.length(self.ran),
            longest: scale.length(self.longest),
            delay: scale.length(self.delay),
            ..*self
        }
    }
}

/// Totals of a runtime since recording began. Counted when things happen, so that they are exact
/// even if events were overwritten or left out. Lengths are nanoseconds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Totals {
    /// Tasks spawned, also while nothing was recorded.
    pub spawned: u64,
    /// Counts of all tasks, of those that are gone as well.
    pub counts: Counts,
    /// The time that the loop has slept in the reactor. The rest of the time it was busy.
    pub slept: u64,
    /// The lengths of polls, to within half of their value. Of a task that has been polled more
    /// than 64 times, each 16th poll is recorded, as 16 polls.
    pub poll_time: Histogram,
    /// The times from a wake that queued a task to the poll, of the same polls. With
    /// [`Level::Wakes`](super::Level::Wakes).
    pub wake_to_poll: Histogram,
}

/// The tasks that one place in the code has spawned, with their counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The place: file, line and column.
    pub location: String,
    /// Tasks spawned there so far.
    pub spawned: u64,
    /// Tasks of this place whose memory is allocated.
    pub alive: u64,
    /// Counts of all tasks of this place, of those that are gone as well.
    pub counts: Counts,
}

/// Histogram of lengths in stamps, with four buckets for each power of two. Owner thread only, so
/// it counts with plain additions.
pub(super) struct Spread(Box<[Cell<u64>; 256]>);

impl Default for Spread {
    fn default() -> Spread {
        Spread(Box::new([const { Cell::new(0) }; 256]))
    }
}

impl Spread {
    #[inline(always)]
    pub(super) fn record(&self, stamps: u64, times: u64) {
        // Below 4 stamps there is no difference that matters, and no branch.
        let stamps = stamps | 4;
        let power = stamps.ilog2();
        let quarter = stamps >> (power - 2) & 3;
        let bucket = &self.0[(power << 2) as usize | quarter as usize];
        bucket.set(bucket.get() + times);
    }

    /// Returns the histogram in nanoseconds. A value counts as the upper edge of its bucket. `max`
    /// is the largest value, in stamps.
    pub(super) fn scaled(&self, scale: Scale, max: u64) -> Histogram {
        let edge = |bucket: usize| {
            let (power, quarter) = (bucket >> 2, bucket as u64 & 3);
            let width = 1_u64 << power.saturating_sub(2);
            let edge = (1_u64 << power) + quarter * width + (width - 1);
            scale.length(edge.min(max))
        };
        let counts = self.0.iter().map(Cell::get).enumerate();
        let counts = counts.filter(|&(_, count)| count > 0);
        Histogram::from_counts(
            counts.map(|(bucket, count)| (edge(bucket), count)),
            scale.length(max),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_as_at_most_a_quarter_more() {
        let scale = Scale::nanos();
        for value in [4, 5, 7, 8, 100, 1000, 123_456, 1 << 40, u64::MAX] {
            let spread = Spread::default();
            spread.record(value, 1);
            spread.record(value, 1);
            let histogram = spread.scaled(scale, u64::MAX);
            assert_eq!(histogram.count(), 2);
            let median = histogram.quantile(0.5);
            // The histogram rounds once more.
            assert!(
                median >= value && median - value <= value / 2 + 1,
                "{value}: {median}"
            );
            assert!(spread.scaled(scale, value).quantile(1.0) == value);
        }
    }
}

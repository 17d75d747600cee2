//! Counts of tasks, which miss nothing: events may be overwritten or left out, but each of them is
//! counted when it happens, in the place of its task in the [table](super::table).

use std::cell::Cell;

use crate::buckets::{self, BUCKETS, bound, bucket};
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
    /// The lengths of polls, to within a quarter of their value. Of a task that has been polled
    /// more than 64 times, each 16th poll is recorded, as 16 polls.
    pub poll_time: Times,
    /// The times from a wake that queued a task to the poll, of the same polls. With
    /// [`Level::Wakes`](super::Level::Wakes).
    pub wake_to_poll: Times,
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

/// How many lengths of time there were, by their size. Four buckets for each power of two, so a
/// length is known to within a quarter. Lengths are nanoseconds.
///
/// ```
/// use wakeful::trace::{self, Level};
///
/// let runtime = wakeful::Builder::new().trace_level(Level::Polls).build().unwrap();
/// runtime.block_on(wakeful::task::yield_now());
/// let polls = runtime.enter(trace::snapshot).totals().poll_time.clone();
/// assert_eq!(polls.count(), 2);
/// assert!(polls.quantile(0.5) <= polls.quantile(1.0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The upper edges of the buckets, in stamps, and their counts.
    buckets: Vec<(u64, u64)>,
    /// The length in stamps that none exceeds.
    longest: u64,
    scale: Scale,
}

impl Times {
    /// Returns the number of lengths.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// Returns a quantile: the length that a part of all lengths does not exceed, rounded up to the
    /// edge of its bucket. 0 if there are none.
    ///
    /// # Panics
    ///
    /// If `part` is not between 0 and 1.
    #[track_caller]
    pub fn quantile(&self, part: f64) -> u64 {
        let found = buckets::quantile(self.buckets.iter().map(|bucket| bucket.1), part);
        found.map_or(0, |place| {
            self.scale.length(self.longest.min(self.buckets[place].0))
        })
    }

    /// Returns the lengths that were recorded after `earlier`, which is of the same runtime.
    #[must_use]
    pub fn since(&self, earlier: &Times) -> Times {
        let before = |edge: u64| {
            let place = earlier
                .buckets
                .binary_search_by_key(&edge, |bucket| bucket.0);
            place.map_or(0, |place| earlier.buckets[place].1)
        };
        let buckets = self.buckets.iter();
        let buckets = buckets.map(|&(edge, count)| (edge, count.saturating_sub(before(edge))));
        Times {
            buckets: buckets.filter(|(_, count)| *count > 0).collect(),
            longest: self.longest,
            scale: self.scale,
        }
    }
}

/// Histogram of lengths in stamps. Owner thread only, so it counts with plain additions.
pub(super) struct Spread(Box<[Cell<u64>; BUCKETS]>);

impl Default for Spread {
    fn default() -> Spread {
        Spread(Box::new([const { Cell::new(0) }; BUCKETS]))
    }
}

impl Spread {
    #[inline(always)]
    pub(super) fn record(&self, stamps: u64, times: u64) {
        // Below 4 stamps there is no difference that matters.
        let bucket = &self.0[bucket(stamps.max(4))];
        bucket.set(bucket.get() + times);
    }

    /// Returns the counts. A length is at most as long as the longest of all, in stamps.
    pub(super) fn scaled(&self, scale: Scale, longest: u64) -> Times {
        let counts = self.0.iter().map(Cell::get).enumerate();
        let counts = counts.filter(|&(_, count)| count > 0);
        Times {
            buckets: counts
                .map(|(bucket, count)| (bound(bucket), count))
                .collect(),
            longest,
            scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_as_at_most_a_quarter_more() {
        for value in [4, 5, 7, 8, 100, 1000, 123_456, 1 << 40, u64::MAX] {
            let spread = Spread::default();
            spread.record(value, 1);
            spread.record(value, 3);
            let times = spread.scaled(Scale::default(), u64::MAX);
            assert_eq!(times.count(), 4);
            let median = times.quantile(0.5);
            assert!(
                median >= value && median - value <= value / 4,
                "{value}: {median}"
            );
            let exact = spread.scaled(Scale::default(), value);
            assert_eq!(exact.quantile(1.0), value);
        }
    }

    #[test]
    fn the_times_since_earlier_ones_are_the_new_ones() {
        let spread = Spread::default();
        spread.record(100, 5);
        let before = spread.scaled(Scale::default(), 100);
        spread.record(100, 1);
        spread.record(1000, 2);
        let times = spread.scaled(Scale::default(), 1000).since(&before);
        assert_eq!(times.count(), 3);
        assert_eq!(times.quantile(1.0), 1000);
    }
}

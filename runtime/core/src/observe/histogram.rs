//! Histograms of fixed size, see [`buckets`](crate::buckets).

use std::fmt;
use std::sync::atomic::Ordering;

use crate::buckets::{self, BUCKETS, bound, bucket};
use crate::sys::AtomicU64;

/// The side of a histogram that counts. One thread writes, any thread reads.
pub(crate) struct HistogramRecorder {
    buckets: Box<[AtomicU64; BUCKETS]>,
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for HistogramRecorder {
    fn default() -> HistogramRecorder {
        HistogramRecorder {
            buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }
}

impl HistogramRecorder {
    /// Counts a value. Only one thread may call it, so plain loads and stores are enough.
    pub(crate) fn record(&self, value: u64) {
        let add = |to: &AtomicU64, more: u64| {
            let sum = to.load(Ordering::Relaxed).saturating_add(more);
            to.store(sum, Ordering::Relaxed);
        };
        add(&self.buckets[bucket(value)], 1);
        add(&self.sum, value);
        if value > self.max.load(Ordering::Relaxed) {
            self.max.store(value, Ordering::Relaxed);
        }
    }

    /// Returns the counts so far.
    pub(crate) fn snapshot(&self) -> Histogram {
        let count = |bucket: &AtomicU64| bucket.load(Ordering::Relaxed);
        Histogram {
            buckets: self.buckets.iter().map(count).collect(),
            sum: self.sum.load(Ordering::Relaxed),
            max: self.max.load(Ordering::Relaxed),
        }
    }
}

/// A histogram of durations or counts. The documentation of the [`Metrics`](crate::Metrics) field
/// gives the unit.
///
/// Each power of two is divided into four buckets, so a value is known to within 25 %.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Builder::new()
///     .metrics_level(wakeful::MetricsLevel::Times)
///     .build()?;
/// runtime.block_on(async { wakeful::spawn(async {}).await.unwrap() });
/// let polls = runtime.metrics().poll_time.expect("the level says so");
/// assert!(polls.count() >= 2);
/// assert!(polls.quantile(0.5) <= polls.max());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<u64>,
    sum: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn empty() -> Histogram {
        Histogram {
            buckets: vec![0; BUCKETS],
            sum: 0,
            max: 0,
        }
    }

    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the sum of all values, or `u64::MAX` if it is larger.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Returns the largest value, exactly; 0 if there are no values.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Returns the mean of all values; 0 if there are no values.
    pub fn mean(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }

    /// Returns a quantile: the value that a part of all values does not exceed. `quantile(0.99)` is
    /// the 99th percentile.
    ///
    /// It is rounded up to the upper edge of its bucket, and at most [`max`](Self::max). It is 0 if
    /// there are no values.
    ///
    /// # Panics
    ///
    /// If `part` is not between 0 and 1.
    #[track_caller]
    pub fn quantile(&self, part: f64) -> u64 {
        let found = buckets::quantile(self.buckets.iter().copied(), part);
        found.map_or(0, |bucket| bound(bucket).min(self.max))
    }

    /// Returns the buckets in ascending order: the largest value of the bucket, and its count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.buckets.iter().enumerate();
        counts.map(|(bucket, &count)| (bound(bucket), count))
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("mean", &self.mean())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max)
            .finish()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_values() {
        let recorder = HistogramRecorder::default();
        assert_eq!(recorder.snapshot().quantile(0.5), 0);
        (1..=1000).for_each(|value| recorder.record(value));
        let histogram = recorder.snapshot();
        assert_eq!((histogram.count(), histogram.sum()), (1000, 500_500));
        assert_eq!(histogram.max(), 1000);
        assert!((500..=639).contains(&histogram.quantile(0.5)));
        assert_eq!(histogram.quantile(1.0), 1000);
        assert_eq!(histogram.quantile(0.0), 1);
    }
}

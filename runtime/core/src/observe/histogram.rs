//! Histograms of fixed size: four buckets to a power of two, so a value is known to a quarter.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One for each of 0 to 3, then four for each of the 62 powers of two that follow.
const BUCKETS: usize = 4 + 62 * 4;

/// One thread writes, any thread reads.
pub(crate) struct Recorder {
    buckets: Box<[AtomicU64; BUCKETS]>,
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder {
            buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }
}

impl Recorder {
    /// Always from the same thread: a plain addition, not a read-modify-write.
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

    pub(crate) fn snapshot(&self) -> Histogram {
        let count = |bucket: &AtomicU64| bucket.load(Ordering::Relaxed);
        Histogram {
            buckets: self.buckets.iter().map(count).collect(),
            sum: self.sum.load(Ordering::Relaxed),
            max: self.max.load(Ordering::Relaxed),
        }
    }
}

/// Where a value is counted.
fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let power = value.ilog2();
    let quarter = value >> (power - 2) & 3;
    (power as usize - 1) * 4 + quarter as usize
}

/// The largest value that is counted in a bucket.
fn bound(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let shift = bucket / 4 - 1;
    let first = (4 + bucket as u64 % 4) << shift;
    first + ((1 << shift) - 1)
}

/// How often which values came up. The unit is that of the [`Metrics`](crate::Metrics) field that
/// it stands in. A value is known to a quarter of its power of two.
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

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum. It stops at the largest `u64`.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest of them, exactly; 0 if there were none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Their mean; 0 if there were none.
    pub fn mean(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum as f64 / count as f64,
        }
    }

    /// The value that this part of all values does not exceed, rounded up to the edge of its
    /// bucket, and never above [`max`](Self::max). `quantile(0.99)` is the 99th percentile. 0 if
    /// there were no values.
    ///
    /// # Panics
    ///
    /// If `part` is not between 0 and 1.
    #[track_caller]
    pub fn quantile(&self, part: f64) -> u64 {
        assert!(
            (0.0..=1.0).contains(&part),
            "quantile({part}): give a part of all values, from 0 to 1"
        );
        let rank = (part * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map_or(0, |bucket| bound(bucket).min(self.max))
    }

    /// The buckets in order: the largest value that each counts, and how many it counted.
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
    fn every_value_is_in_a_bucket_that_bounds_it_to_a_quarter() {
        let edges = (0..64).flat_map(|power| {
            let value = 1_u64 << power;
            [value - 1, value, value + 1, value + value / 3]
        });
        for value in edges.chain([u64::MAX]) {
            let bound = bound(bucket(value));
            assert!(bound >= value, "{value} is above its bucket's {bound}");
            assert!(bound - value <= value / 4, "{value} is far below {bound}");
        }
    }

    #[test]
    fn buckets_follow_each_other() {
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bound(BUCKETS - 1), u64::MAX);
        for this in 1..BUCKETS {
            assert_eq!(bucket(bound(this - 1) + 1), this);
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let recorder = Recorder::default();
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

//! Buckets of histograms: four for each power of two, so a value is known to within a quarter.

/// One bucket for each of the values 0 to 3, then four for each of the 62 powers of two above.
pub(crate) const BUCKETS: usize = 4 + 62 * 4;

/// Returns the bucket of a value.
#[inline(always)]
pub(crate) fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let power = value.ilog2();
    let quarter = value >> (power - 2) & 3;
    (power as usize - 1) * 4 + quarter as usize
}

/// Returns the largest value that a bucket counts.
pub(crate) fn bound(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let shift = bucket / 4 - 1;
    let first = (4 + bucket as u64 % 4) << shift;
    first + ((1 << shift) - 1)
}

/// Returns the index of the count that contains a quantile; `None` if all counts are zero.
///
/// # Panics
///
/// If `part` is not between 0 and 1.
#[track_caller]
pub(crate) fn quantile(counts: impl Iterator<Item = u64> + Clone, part: f64) -> Option<usize> {
    assert!(
        (0.0..=1.0).contains(&part),
        "quantile({part}): give a fraction from 0 to 1"
    );
    let all: u64 = counts.clone().sum();
    let rank = (part * all as f64).ceil().max(1.0) as u64;
    let mut seen = 0;
    counts.into_iter().position(|count| {
        seen += count;
        seen >= rank
    })
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
}

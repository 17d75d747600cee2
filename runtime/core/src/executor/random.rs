//! Pseudo-random numbers of a runtime, repeatable by its seed.

use std::hash::{BuildHasher, RandomState};

use super::{Executor, current};
use crate::split_mix::SplitMix;

thread_local! {
    /// Numbers for futures that are polled outside a runtime.
    static OUTSIDE: Random = Random::new(random_seed());
}

/// Generator of numbers below a limit.
#[derive(Debug)]
pub(super) struct Random(SplitMix);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(SplitMix::new(seed))
    }

    /// Returns a number below `limit`, which is not 0.
    fn below(&self, limit: u32) -> u32 {
        let high = self.0.next() >> 32;
        // The product's upper half is below the limit; a division would be slower.
        ((high * u64::from(limit)) >> 32) as u32
    }
}

impl Executor {
    /// Sets the seed of this runtime's pseudo-random numbers.
    pub(crate) fn set_seed(&self, seed: u64) {
        self.random.0.reseed(seed);
    }
}

/// Returns a seed that differs from run to run.
pub(super) fn random_seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// Returns a pseudo-random number below `limit`, which is not 0, from the generator of this
/// thread's runtime; outside a runtime, from one of the thread.
pub(crate) fn random_below(limit: u32) -> u32 {
    current::try_with(|executor| executor.random.below(limit))
        .unwrap_or_else(|| OUTSIDE.with(|random| random.below(limit)))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_below_the_limit_and_all_of_them_occur() {
        let random = Random::new(1);
        let mut seen = [0; 64];
        for _ in 0..64_000 {
            seen[random.below(64) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (800..1_200).contains(&n)), "{seen:?}");
        assert_eq!(random.below(1), 0);
    }

    #[test]
    fn a_seed_repeats_the_numbers() {
        let numbers =
            |random: &Random| -> Vec<u32> { (0..20).map(|_| random.below(100)).collect() };
        let random = Random::new(7);
        let first = numbers(&random);
        assert_ne!(numbers(&random), first);
        random.0.reseed(7);
        assert_eq!(numbers(&random), first);
    }
}

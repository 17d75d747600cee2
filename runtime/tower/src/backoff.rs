//! The delays of retries.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use wakeful_core::time::{Sleep, sleep};

/// Delays that double from a minimum up to a maximum, for the retries of a request.
///
/// A `Policy` of `tower::retry` keeps one and returns [`next_backoff`](Self::next_backoff), or a
/// future that begins with it:
///
/// ```
/// use std::cell::Cell;
/// use std::time::Duration;
/// use tower::retry::{Policy, Retry};
/// use tower::{ServiceExt, service_fn};
/// use wakeful_tower::Backoff;
///
/// /// At most `left` retries.
/// #[derive(Clone)]
/// struct Retries {
///     left: u32,
///     backoff: Backoff,
/// }
///
/// impl<T, E> Policy<u32, T, E> for Retries {
///     type Future = wakeful::time::Sleep;
///
///     fn retry(&mut self, _: &mut u32, result: &mut Result<T, E>) -> Option<Self::Future> {
///         if result.is_ok() || self.left == 0 {
///             return None;
///         }
///         self.left -= 1;
///         Some(self.backoff.next_backoff())
///     }
///
///     fn clone_request(&mut self, request: &u32) -> Option<u32> {
///         Some(*request)
///     }
/// }
///
/// wakeful::block_on(async {
///     wakeful::time::pause();
///     let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
///     let policy = Retries { left: 3, backoff };
///     let calls = Cell::new(0);
///     let service = service_fn(async |request: u32| {
///         calls.set(calls.get() + 1);
///         if calls.get() == 3 { Ok(request) } else { Err("not yet") }
///     });
///     let begun = wakeful::time::Instant::now();
///     assert_eq!(Retry::new(policy, service).oneshot(5).await, Ok(5));
///     assert_eq!(begun.elapsed(), Duration::from_millis(100 + 200));
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    jitter: f64,
    /// State of a generator of random numbers.
    random: u64,
    retries: u32,
}

impl Backoff {
    /// Creates delays of `min`, `2 * min`, `4 * min` and so on, up to `max`.
    ///
    /// # Panics
    ///
    /// If `min` is greater than `max`, or zero.
    #[track_caller]
    pub fn new(min: Duration, max: Duration) -> Backoff {
        assert!(
            Duration::ZERO < min && min <= max,
            "a backoff needs 0 < min <= max, and min is {min:?}, max is {max:?}"
        );
        Backoff {
            min,
            max,
            jitter: 0.0,
            random: RandomState::new().hash_one(0),
            retries: 0,
        }
    }

    /// Adds a random part to each delay, at most `ratio` times its length, so that many clients do
    /// not retry at the same moment.
    ///
    /// # Panics
    ///
    /// If `ratio` is negative, or greater than 100, or not a number.
    #[track_caller]
    pub fn with_jitter(mut self, ratio: f64) -> Backoff {
        assert!(
            (0.0..=100.0).contains(&ratio),
            "the jitter of a backoff is from 0 to 100, and not {ratio}"
        );
        self.jitter = ratio;
        self
    }

    /// Sets the seed of the random parts, which then are the same in each run.
    pub fn with_seed(mut self, seed: u64) -> Backoff {
        self.random = seed;
        self
    }

    /// Returns the next delay, and counts the retry.
    pub fn next_delay(&mut self) -> Duration {
        let factor = 2_u32.checked_pow(self.retries).unwrap_or(u32::MAX);
        self.retries = self.retries.saturating_add(1);
        let delay = self.min.saturating_mul(factor).min(self.max);
        if self.jitter == 0.0 {
            return delay;
        }
        let added = delay.as_secs_f64() * self.jitter * self.next_random();
        Duration::try_from_secs_f64(added)
            .map_or(Duration::MAX, |added| delay.saturating_add(added))
    }

    /// Returns a sleep of the next delay, and counts the retry.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn next_backoff(&mut self) -> Sleep {
        sleep(self.next_delay())
    }

    /// Begins again with the shortest delay.
    pub fn reset(&mut self) {
        self.retries = 0;
    }

    /// Returns a random number from 0 to 1, by the generator SplitMix64.
    fn next_random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}

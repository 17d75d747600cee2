//! Time stamps for the trace and for the batches of the loop: cheap to take, and in one order on
//! all threads.
//!
//! On x86-64, stamps come from the processor's time stamp counter if the processor reports that the
//! counter runs at a constant rate in all states, and if the kernel uses it as its clock, which it
//! does only after comparing the cores. The counter is compared with the system's clock when stamps
//! are converted. Otherwise, stamps are readings of the system's clock.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::clock::{nanos, system_now};

use crate::sys::AtomicU64;

/// Number of tries for one comparison of both clocks.
const TRIES: usize = 5;

/// Source of time stamps, and the moment at which it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamps {
    /// Whether stamps come from the counter.
    counts: bool,
    origin: Instant,
    first: u64,
}

/// Conversion of stamps to nanoseconds since [`Stamps::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    #[allow(dead_code, reason = "for the trace")]
    first: u64,
    stamps: u64,
    nanos: u64,
}

/// The conversion of stamps that are nanoseconds.
impl Default for Scale {
    fn default() -> Scale {
        Scale {
            first: 0,
            stamps: 1,
            nanos: 1,
        }
    }
}

impl Stamps {
    pub(crate) fn new() -> Stamps {
        let mut stamps = Stamps {
            counts: counter::is_trusted(),
            origin: system_now(),
            first: 0,
        };
        (stamps.origin, stamps.first) = stamps.pair();
        stamps
    }

    /// Returns a moment of the system's clock and its stamp. The clock is read between two stamps;
    /// of a few tries, the one with the least time between the stamps is used.
    fn pair(&self) -> (Instant, u64) {
        let tries = (0..TRIES).map(|_| {
            let before = self.now();
            let moment = system_now();
            let took = self.now().saturating_sub(before);
            (took, moment, before + took / 2)
        });
        let (_, moment, stamp) = tries
            .min_by_key(|&(took, ..)| took)
            .expect("at least one try");
        (moment, stamp)
    }

    /// Takes a stamp. [`Stamps::scale`] converts it.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        if self.counts {
            counter::read()
        } else {
            nanos(system_now().saturating_duration_since(self.origin))
        }
    }

    /// Returns the conversion of the stamps that were taken until now.
    pub(crate) fn scale(&self) -> Scale {
        if !self.counts {
            // These stamps are already nanoseconds.
            return Scale {
                first: self.first,
                stamps: 1,
                nanos: 1,
            };
        }
        let (moment, stamp) = self.pair();
        Scale {
            first: self.first,
            stamps: stamp.saturating_sub(self.first).max(1),
            nanos: self.nanos_at(moment).max(1),
        }
    }

    /// Converts a moment of the system's clock to nanoseconds since [`Stamps::new`].
    pub(crate) fn nanos_at(&self, moment: Instant) -> u64 {
        nanos(moment.saturating_duration_since(self.origin))
    }
}

/// Returns the source of stamps with which all loops of the process measure their batches.
#[inline]
fn common() -> Stamps {
    static COMMON: OnceLock<Stamps> = OnceLock::new();
    *COMMON.get_or_init(Stamps::new)
}

/// Takes a stamp of [`common`].
#[inline]
pub(crate) fn now() -> u64 {
    common().now()
}

/// Converts a duration to the unit of the stamps of [`common`], and never to too many. Until the
/// process has run long enough to know the rate of the counter, one stamp is taken for a
/// nanosecond; no processor counts slower.
pub(crate) fn stamps_in(duration: Duration) -> u64 {
    /// Stamps in 2^20 ns, or 0 while the rate is unknown.
    static RATE: AtomicU64 = AtomicU64::new(0);
    const UNIT: u64 = 1 << 20;
    /// Nanoseconds after which the rate is accurate to 1 ‰.
    const ENOUGH: u64 = 1_000_000;
    let mut rate = RATE.load(Ordering::Relaxed);
    if rate == 0 {
        let Scale { stamps, nanos, .. } = common().scale();
        let known = nanos >= ENOUGH || stamps == nanos;
        rate = match known {
            true => (u128::from(stamps) * u128::from(UNIT) / u128::from(nanos)) as u64,
            false => UNIT,
        };
        if known {
            RATE.store(rate, Ordering::Relaxed);
        }
    }
    ((u128::from(nanos(duration)) * u128::from(rate)) >> 20) as u64
}

#[allow(dead_code, reason = "for the trace")]
impl Scale {
    /// Returns the nanoseconds from the beginning to a stamp.
    pub(crate) fn at(&self, stamp: u64) -> u64 {
        self.length(stamp.saturating_sub(self.first))
    }

    /// Returns the nanoseconds between two stamps that differ by `stamps`.
    pub(crate) fn length(&self, stamps: u64) -> u64 {
        let nanos = u128::from(stamps) * u128::from(self.nanos) / u128::from(self.stamps);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use std::sync::OnceLock;

    /// Names the kernel's clock. If it is the counter, the counters of all cores agree.
    const KERNEL: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

    pub(super) fn is_trusted() -> bool {
        static TRUSTED: OnceLock<bool> = OnceLock::new();
        *TRUSTED.get_or_init(|| {
            runs_at_one_rate()
                && std::fs::read_to_string(KERNEL).is_ok_and(|name| name.trim() == "tsc")
        })
    }

    #[allow(unused_unsafe, reason = "newer compilers call `__cpuid` safe")]
    fn runs_at_one_rate() -> bool {
        use std::arch::x86_64::__cpuid;
        // SAFETY: every x86-64 processor has the instruction.
        unsafe { __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx >> 8 & 1 == 1 }
    }

    #[inline(always)]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has the instruction. Called only if the kernel uses it as
        // well, so it is not disabled.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod counter {
    pub(super) fn is_trusted() -> bool {
        false
    }

    pub(super) fn read() -> u64 {
        0
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn stamps_agree_with_the_clock() {
        let stamps = Stamps::new();
        let before = system_now();
        let stamp = stamps.now();
        let after = system_now();
        let at = stamps.scale().at(stamp);
        // The counter and the clock are not read at the same moment.
        let slack = 1_000_000;
        assert!(at + slack >= stamps.nanos_at(before), "{at}");
        assert!(at <= stamps.nanos_at(after) + slack, "{at}");
    }

    #[test]
    fn a_duration_is_never_converted_to_too_many_stamps() {
        // Before and after the rate is known.
        for _ in 0..3 {
            let first = now();
            let began = system_now();
            while began.elapsed() < Duration::from_millis(1) {}
            let took = began.elapsed();
            let taken = now() - first;
            // The rate is accurate to 1 ‰.
            let converted = stamps_in(took);
            assert!(converted <= taken + taken / 1000, "{converted} of {taken}");
        }
    }

    #[test]
    fn stamps_of_two_threads_are_in_one_order() {
        let stamps = Stamps::new();
        let mut last = stamps.now();
        for _ in 0..200 {
            let there = std::thread::spawn(move || stamps.now()).join().unwrap();
            assert!(last <= there);
            last = stamps.now();
            assert!(there <= last);
        }
    }
}

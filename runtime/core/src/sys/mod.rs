//! What differs between systems, chosen once: `linux/` or `other/`, which have the same names. No
//! other module has a `cfg` on the system.

#[cfg(feature = "signal")]
mod pipe;
mod refusal;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(all(feature = "signal", target_os = "linux"))]
pub(crate) use linux::*;
#[cfg(all(feature = "signal", not(target_os = "linux")))]
pub(crate) use other::*;
// Not every 32-bit processor has atomics of 64 bits; there a lock takes their place.
#[cfg(not(target_has_atomic = "64"))]
pub(crate) use portable_atomic::AtomicU64;
pub(crate) use refusal::is_refusal;
#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64;

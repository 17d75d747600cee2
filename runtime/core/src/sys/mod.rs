//! What differs between systems, chosen once: `linux/` or `other/`, which have the same names. No
//! other module has a `cfg` on the system, except that `fs/mod.rs` chooses the ring.

// The systems of `polling` without edges. A system that is not listed gets an error when a runtime
// is made.
#[cfg(any(
    not(unix),
    target_os = "aix",
    target_os = "espidf",
    target_os = "haiku",
    target_os = "hurd",
    target_os = "illumos",
    target_os = "nto",
    target_os = "redox",
    target_os = "solaris",
    target_os = "vita",
))]
compile_error!(
    "Wakeful waits for descriptors by edge-triggered events, which only Linux (epoll), macOS and \
     the BSDs (kqueue) have. On Windows, build and run it in WSL."
);

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

mod event;
#[cfg(not(any(loom, shuttle)))]
mod pages;
#[cfg(feature = "signal")]
mod pipe;
mod poller;
mod refusal;
#[cfg(any(not(target_os = "linux"), not(feature = "backtrace")))]
#[path = "no_stack.rs"]
pub(crate) mod stack;
mod usage;

pub(crate) use event::{Event, Wanted};
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::*;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use pages::{discard, map, unmap};
pub(crate) use poller::{poller, refused};
pub(crate) use refusal::is_refusal;
pub(crate) use usage::Usage;

/// The clock that std reads.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const MONOTONIC: libc::clockid_t = libc::CLOCK_MONOTONIC;
#[cfg(target_vendor = "apple")]
pub(crate) const MONOTONIC: libc::clockid_t = libc::CLOCK_UPTIME_RAW;

// Not every 32-bit processor has atomics of 64 bits; there a lock takes their place.
#[cfg(not(target_has_atomic = "64"))]
pub(crate) use portable_atomic::AtomicU64;
#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64;

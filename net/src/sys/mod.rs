//! What differs between systems, chosen once. No other module has a `cfg` on the system.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

// Most systems give a new socket its flags when it is born; those of Apple do not.
#[cfg(not(target_vendor = "apple"))]
mod birth;
#[cfg(target_vendor = "apple")]
#[path = "birth_in_steps.rs"]
mod birth;

#[cfg(any(
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_vendor = "apple",
))]
#[path = "peer_bsd.rs"]
mod peer;
#[cfg(not(any(
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_vendor = "apple",
)))]
mod peer;

mod reuse_port;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::*;

pub(crate) use birth::{accept_nonblocking, nonblocking, unix_socket};
pub(crate) use peer::peer;
pub(crate) use reuse_port::set_balanced_reuse_port;

/// Process, user and group of a peer, as far as the system tells them.
pub(crate) struct Peer {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pid: Option<i32>,
}

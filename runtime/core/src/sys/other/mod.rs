//! Systems other than Linux.

mod affinity;
mod epoll;
#[cfg(feature = "process")]
mod pidfd;
mod refused_call;
#[cfg(feature = "io-std")]
mod reopen;
mod sync;
mod thread;

#[cfg(feature = "signal")]
pub(crate) use super::pipe::pipe as signal_pipe;
pub(crate) use affinity::{allowed_cpus, pin_to_cpu};
pub(crate) use epoll::{Raw, RawNotifier};
#[cfg(feature = "process")]
pub(crate) use pidfd::pidfd;
pub(crate) use refused_call::{WAIT, refused_call};
#[cfg(feature = "io-std")]
pub(crate) use reopen::reopen;
pub(crate) use sync::sync_file;
pub(crate) use thread::Thread;

//! Linux.

mod affinity;
#[cfg(feature = "backtrace")]
mod answers;
mod epoll;
#[cfg(feature = "process")]
mod pidfd;
mod pwait2;
mod refused_call;
#[cfg(feature = "io-std")]
mod reopen;
#[cfg(feature = "signal")]
mod signal_pipe;
#[cfg(feature = "backtrace")]
pub(crate) mod stack;
mod sync;
mod thread;

pub(crate) use affinity::{allowed_cpus, pin_to_cpu};
pub(crate) use epoll::{Raw, RawNotifier};
#[cfg(feature = "process")]
pub(crate) use pidfd::pidfd;
pub(crate) use refused_call::{WAIT, refused_call};
#[cfg(feature = "io-std")]
pub(crate) use reopen::reopen;
#[cfg(feature = "signal")]
pub(crate) use signal_pipe::signal_pipe;
pub(crate) use sync::sync_file;
pub(crate) use thread::Thread;

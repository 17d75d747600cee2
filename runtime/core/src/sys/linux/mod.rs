//! Linux.

#[cfg(feature = "signal")]
mod signal_pipe;

#[cfg(feature = "signal")]
pub(crate) use signal_pipe::signal_pipe;

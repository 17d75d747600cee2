//! Systems other than Linux.

#[cfg(feature = "signal")]
pub(crate) use super::pipe::pipe as signal_pipe;

//! The module `trace_signal` in builds without the features `trace` and `signal`.

use std::io;

use super::Runtime;
use crate::trace::Recorder;

#[allow(
    clippy::unnecessary_wraps,
    reason = "the signature is that of `trace_signal.rs`"
)]
#[inline(always)]
pub(super) fn listen(_: &Runtime, _: &Recorder) -> io::Result<()> {
    Ok(())
}

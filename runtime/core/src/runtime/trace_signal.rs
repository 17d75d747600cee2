//! Writes the trace at a signal that the environment names.

use std::io;

use super::Runtime;
use crate::group::spawn_background;
use crate::signal::unix::{SignalKind, signal};
use crate::trace::Recorder;

/// Listens for the signal, if there is one. A task in the background writes the trace.
pub(super) fn listen(runtime: &Runtime, recorder: &Recorder) -> io::Result<()> {
    let kind = match recorder.signal() {
        None => return Ok(()),
        Some("SIGUSR1") => SignalKind::user_defined1(),
        Some("SIGHUP") => SignalKind::hangup(),
        Some("SIGWINCH") => SignalKind::window_change(),
        Some(_) => SignalKind::user_defined2(),
    };
    let recorder = recorder.clone();
    runtime.enter(|| {
        let mut signals = signal(kind)?;
        drop(spawn_background(async move {
            while signals.recv().await.is_some() {
                recorder.write_at_signal();
            }
        }));
        Ok(())
    })
}

//! The files to which runtimes write their traces.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::snapshot::Snapshot;

/// The environment variable with the name of the file.
pub(super) const FILE: &str = "WAKEFUL_TRACE";

/// Where a runtime writes its trace.
#[derive(Clone, Debug)]
pub(super) struct Output {
    path: PathBuf,
    format: Format,
    signal: Option<&'static str>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Page,
    Perfetto,
    Story,
}

impl Output {
    pub(super) fn new(path: PathBuf, format: Format, signal: Option<&'static str>) -> Output {
        Output {
            path,
            format,
            signal,
        }
    }

    /// Returns the name of the signal at which the trace is written as well.
    pub(super) fn signal(&self) -> Option<&'static str> {
        self.signal
    }

    #[cfg(test)]
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Returns the path of the file of a runtime, which is the `runtime`th of the process to write
    /// one, from 1; and of the trace at its `signal`th signal, or at its end if that is 0.
    pub(super) fn path(&self, runtime: u32, signal: u32) -> PathBuf {
        let mut name = self.path.file_stem().unwrap_or_default().to_owned();
        if runtime > 1 {
            name.push(format!("-{runtime}"));
        }
        if signal > 0 {
            name.push(format!("-signal-{signal}"));
        }
        name.push(".");
        name.push(self.path.extension().unwrap_or_default());
        self.path.with_file_name(name)
    }

    pub(super) fn write(&self, path: &Path, snapshot: &Snapshot) {
        let written = match self.format {
            Format::Page => snapshot.write_html(path),
            Format::Perfetto => snapshot.write_perfetto(path),
            Format::Story => std::fs::write(path, format!("{snapshot:#}")),
        };
        match written {
            Ok(()) => crate::report::report!("wakeful: the trace is in {}", path.display()),
            Err(error) => crate::report::report!(
                "wakeful: cannot write the trace to {}: {error}: set {FILE} to a file in a folder \
                 that exists",
                path.display()
            ),
        }
    }
}

/// Number of runtimes of this process that write their traces.
static WRITERS: AtomicU32 = AtomicU32::new(0);

/// The number of a runtime among those that write their traces, and of the signals it has received.
#[derive(Debug, Default)]
pub(super) struct Writer {
    runtime: AtomicU32,
    signals: AtomicU32,
}

impl Writer {
    /// Returns the number of the runtime, which it gets at its first file.
    pub(super) fn runtime(&self) -> u32 {
        if self.runtime.load(Ordering::Relaxed) == 0 {
            let next = WRITERS.fetch_add(1, Ordering::Relaxed) + 1;
            self.runtime.store(next, Ordering::Relaxed);
        }
        self.runtime.load(Ordering::Relaxed)
    }

    /// Returns the number of the next signal.
    pub(super) fn next_signal(&self) -> u32 {
        self.signals.fetch_add(1, Ordering::Relaxed) + 1
    }
}

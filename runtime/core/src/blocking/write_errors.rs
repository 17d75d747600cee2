//! Errors of buffered writes, which occur after the call that began the write.

use std::io;

/// Record of failed writes and of the calls that have reported them.
///
/// Buffered data must not be lost silently. So the next operation of any kind reports a failure,
/// and the next flush reports it too, even if a write has reported it before: only a successful
/// flush means that everything is written.
#[derive(Debug, Default)]
pub(crate) struct WriteErrors {
    last: Option<io::Error>,
    /// Failed writes so far.
    count: u64,
    /// Failed writes that any operation has reported.
    reported: u64,
    /// Failed writes that a flush has reported.
    flushed: u64,
}

impl WriteErrors {
    pub(crate) fn record(&mut self, error: io::Error) {
        self.last = Some(error);
        self.count += 1;
    }

    /// Returns the last error once, for an operation other than a flush.
    pub(crate) fn report(&mut self) -> io::Result<()> {
        if self.reported == self.count {
            return Ok(());
        }
        self.reported = self.count;
        self.error()
    }

    /// Begins a flush, and returns the number of failures that flushes have reported so far.
    pub(crate) fn begin_flush(&self) -> u64 {
        self.flushed
    }

    /// Whether a write has failed after `since`, a result of `begin_flush`.
    pub(crate) fn has_failed_since(&self, since: u64) -> bool {
        since != self.count
    }

    /// Ends a flush that began at `since`, and returns the last error after that. Each of several
    /// concurrent flushes returns it.
    pub(crate) fn end_flush(&mut self, since: u64) -> io::Result<()> {
        if !self.has_failed_since(since) {
            return Ok(());
        }
        (self.reported, self.flushed) = (self.count, self.count);
        self.error()
    }

    fn error(&self) -> io::Result<()> {
        self.last.as_ref().map_or(Ok(()), |error| Err(again(error)))
    }
}

/// Returns a copy of the error.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn full() -> io::Error {
        io::ErrorKind::StorageFull.into()
    }

    #[test]
    fn a_flush_reports_an_error_that_an_operation_has_reported() {
        let mut errors = WriteErrors::default();
        errors.record(full());
        assert!(errors.report().is_err());
        assert!(errors.report().is_ok());
        let since = errors.begin_flush();
        assert!(errors.end_flush(since).is_err());
        let since = errors.begin_flush();
        assert!(errors.end_flush(since).is_ok());
        assert!(errors.report().is_ok());
    }

    #[test]
    fn flushes_at_the_same_time_all_report_the_error() {
        let mut errors = WriteErrors::default();
        let since = [errors.begin_flush(), errors.begin_flush()];
        errors.record(full());
        for since in since {
            let error = errors.end_flush(since).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}

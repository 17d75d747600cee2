//! The errors of writes that were taken over: each comes after the call that began its write.

use std::io;

/// What is known of failed writes, and to which calls it has been told.
///
/// Data that was taken over and not written must not be lost silently. So a failure is told to the
/// next operation of any kind, and in any case to a flush: also if a write has told it before, as
/// only a flush that succeeds says that everything is written.
#[derive(Debug, Default)]
pub(crate) struct WriteErrors {
    last: Option<io::Error>,
    /// Failed writes so far.
    count: u64,
    /// Those that any operation has told.
    reported: u64,
    /// Those that a flush has told.
    flushed: u64,
}

impl WriteErrors {
    pub(crate) fn record(&mut self, error: io::Error) {
        self.last = Some(error);
        self.count += 1;
    }

    /// The error for an operation that is no flush, once.
    pub(crate) fn report(&mut self) -> io::Result<()> {
        if self.reported == self.count {
            return Ok(());
        }
        self.reported = self.count;
        self.error()
    }

    /// Where a flush begins: it answers for the errors that no flush has told by now.
    pub(crate) fn begin_flush(&self) -> u64 {
        self.flushed
    }

    /// The error for a flush that began at `since`. Of several that wait at the same time each gets
    /// it.
    pub(crate) fn end_flush(&mut self, since: u64) -> io::Result<()> {
        if since == self.count {
            return Ok(());
        }
        (self.reported, self.flushed) = (self.count, self.count);
        self.error()
    }

    fn error(&self) -> io::Result<()> {
        self.last.as_ref().map_or(Ok(()), |error| Err(again(error)))
    }
}

/// The same error once more.
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
    fn a_flush_tells_what_an_operation_has_told() {
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
    fn flushes_at_the_same_time_are_all_told() {
        let mut errors = WriteErrors::default();
        let since = [errors.begin_flush(), errors.begin_flush()];
        errors.record(full());
        for since in since {
            let error = errors.end_flush(since).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}

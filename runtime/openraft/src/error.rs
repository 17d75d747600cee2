//! Errors of tasks and timeouts.

use std::any::Any;
use std::error::Error;
use std::fmt;

use wakeful_core::task::Id;

/// The payload of a panic.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Error of a task without an output: it was cancelled, or it panicked.
pub struct JoinError {
    id: Id,
    panic: Option<Panic>,
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> JoinError {
        JoinError { id, panic: None }
    }

    pub(crate) fn panicked(id: Id, payload: Panic) -> JoinError {
        let panic = Some(payload);
        JoinError { id, panic }
    }

    /// Whether the task was cancelled, by the shutdown of its runtime.
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// Returns the payload of the panic, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the task was cancelled; call [`is_panic`](Self::is_panic) first.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        let cancelled = "the task was cancelled, it did not panic";
        self.panic.expect(cancelled)
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    fn message(&self) -> Option<&str> {
        let payload = self.panic.as_ref()?;
        let text = payload.downcast_ref::<&'static str>().copied();
        text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_panic(), self.message()) {
            (false, _) => write!(f, "task {} was cancelled", self.id),
            (true, Some(text)) => write!(f, "task {} panicked with message {text:?}", self.id),
            (true, None) => write!(f, "task {} panicked", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_panic() {
            write!(f, "JoinError::Panic({}, {:?})", self.id, self.message())
        } else {
            write!(f, "JoinError::Cancelled({})", self.id)
        }
    }
}

impl Error for JoinError {}

/// The deadline of a timeout passed before its future was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time limit was reached")
    }
}

impl Error for Elapsed {}

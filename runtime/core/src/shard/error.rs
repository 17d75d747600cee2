//! Errors and failures of shards.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::group::{GroupTask, List};
use crate::shard::id::ShardId;
use crate::task::JoinError;
use crate::unwind::catch_panic;

/// What happens to the other shards when a service panics or returns an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// The others are asked to stop, and have
    /// [`shutdown_timeout`](super::ShardsBuilder::shutdown_timeout) for it. So a server does not
    /// continue with a part of itself missing.
    #[default]
    StopAll,
    /// The others continue. So does the loop of the shard itself, with its other tasks.
    Continue,
}

/// Error of shards that could not be started, or whose services failed.
///
/// It converts into an [`io::Error`], so `?` works in a `main` that returns one.
///
/// ```
/// use wakeful::shard::{Shards, ShardsError};
///
/// let error = Shards::builder().shards(0).build().unwrap_err();
/// assert!(matches!(error, ShardsError::NoShards));
/// println!("{error}");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ShardsError {
    /// [`shards(0)`](super::ShardsBuilder::shards) was given.
    NoShards,
    /// More shards were to be [pinned](super::ShardsBuilder::pin) than there are processors.
    TooFewCpus {
        /// The number of shards asked for.
        shards: usize,
        /// The number of processors that this process may use.
        cpus: usize,
    },
    /// Threads can't be [pinned](super::ShardsBuilder::pin) on this system.
    CannotPin(io::Error),
    /// A shard could not be started. No other shard runs either.
    NotStarted {
        /// The shard that could not be started.
        shard: ShardId,
        /// The reason: no thread, no descriptors for its reactor, or its processor was refused.
        error: io::Error,
    },
    /// The failures of shards, in the order in which they happened. All other shards ended well.
    Failed(Vec<ShardFailure>),
}

impl ShardsError {
    /// Returns the failures of shards. There are none if the shards were not started.
    pub fn failures(&self) -> &[ShardFailure] {
        match self {
            ShardsError::Failed(failures) => failures,
            _ => &[],
        }
    }
}

/// Failure of a shard.
#[derive(Debug)]
#[non_exhaustive]
pub struct ShardFailure {
    /// The shard that failed.
    pub shard: ShardId,
    /// The reason.
    pub reason: FailureReason,
}

/// Reason of a shard's failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum FailureReason {
    /// A service or the loop panicked. [`JoinError::into_panic`] returns the payload.
    Panicked(JoinError),
    /// A service returned an error, see [`Shards::try_on_each`](super::Shards::try_on_each).
    Failed(Box<dyn Error + Send + Sync>),
    /// These tasks had not ended at the deadline and were cancelled: services, or what they have
    /// spawned.
    TimedOut(Vec<GroupTask>),
    /// The thread did not end after the deadline either, because something blocks it. It is not
    /// waited for.
    Unresponsive,
}

/// First failure of shards, as [`Shards::ended`](super::Shards::ended) returns it to all waiters.
///
/// It has the shard and the reason, as text. [`Shards::join`](super::Shards::join) and
/// [`Shards::shutdown`](super::Shards::shutdown) return all failures, with the payloads of panics
/// and the errors of services. It converts into an [`io::Error`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FirstFailure {
    /// The shard that failed first.
    pub shard: ShardId,
    text: Arc<str>,
}

impl FirstFailure {
    /// Makes it from a failure. To be called with nothing locked, as the text of a service's error
    /// is made by user code.
    pub(super) fn of(failure: &ShardFailure) -> FirstFailure {
        let shard = failure.shard;
        let text = catch_unwind(AssertUnwindSafe(|| failure.to_string())).unwrap_or_else(|payload| {
            catch_panic(|| drop(payload));
            format!(
                "shard {shard}: its service failed, and its error panicked when it was asked for a \
                 text"
            )
        });
        FirstFailure {
            shard,
            text: text.into(),
        }
    }
}

impl fmt::Display for FirstFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for FirstFailure {}

impl From<FirstFailure> for io::Error {
    fn from(failure: FirstFailure) -> io::Error {
        io::Error::other(failure)
    }
}

impl fmt::Display for ShardFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}: ", self.shard)?;
        match &self.reason {
            FailureReason::Panicked(error) => error.fmt(f),
            FailureReason::Failed(error) => write!(f, "its service failed: {error}"),
            FailureReason::TimedOut(tasks) => write!(
                f,
                "these tasks had not ended at the deadline and were cancelled: {}",
                List(tasks)
            ),
            FailureReason::Unresponsive => {
                f.write_str("something blocks its thread, which is left to itself")
            }
        }
    }
}

impl fmt::Display for ShardsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShardsError::NoShards => f.write_str("`shards(0)`: give at least 1"),
            ShardsError::TooFewCpus { shards, cpus } => write!(
                f,
                "{shards} shards can't be pinned to a processor each: this process may use {cpus}. \
                 Make fewer, or say `pin(false)`"
            ),
            ShardsError::CannotPin(error) => write!(
                f,
                "threads can't be pinned to processors here: {error}. Use `pin(false)`"
            ),
            ShardsError::NotStarted { shard, error } => {
                write!(f, "shard {shard} can't be started: {error}")
            }
            ShardsError::Failed(failures) => {
                for (index, failure) in failures.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{failure}")?;
                }
                Ok(())
            }
        }
    }
}

impl Error for ShardsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ShardsError::CannotPin(error) | ShardsError::NotStarted { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<ShardsError> for io::Error {
    fn from(error: ShardsError) -> io::Error {
        let kind = match &error {
            ShardsError::NoShards | ShardsError::TooFewCpus { .. } => io::ErrorKind::InvalidInput,
            ShardsError::CannotPin(error) | ShardsError::NotStarted { error, .. } => error.kind(),
            ShardsError::Failed(_) => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

//! What can go wrong with shards.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::shard::ShardId;
use crate::task::JoinError;
use crate::unwind::catch_panic;

/// Why shards could not be started, or which of them did not end well.
///
/// It can be made into an [`io::Error`], so `?` does for a `main` that returns one.
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
    /// [`shards(0)`](super::ShardsBuilder::shards).
    NoShards,
    /// More shards are to be [pinned](super::ShardsBuilder::pin) than there are processors.
    TooFewCpus {
        /// The shards asked for.
        shards: usize,
        /// The processors that this process may use.
        cpus: usize,
    },
    /// Threads can't be [pinned](super::ShardsBuilder::pin) on this system.
    CannotPin(io::Error),
    /// A shard could not be started; none of the others runs either.
    NotStarted {
        /// Which.
        shard: ShardId,
        /// Why: no thread, no descriptors for its reactor, or not on its processor.
        error: io::Error,
    },
    /// These shards did not end well, the others did. In the order in which it happened.
    Failed(Vec<ShardFailure>),
}

impl ShardsError {
    /// Which shards did not end well; none if they were not even started.
    pub fn failures(&self) -> &[ShardFailure] {
        match self {
            ShardsError::Failed(failures) => failures,
            _ => &[],
        }
    }
}

/// A shard that did not end well.
#[derive(Debug)]
#[non_exhaustive]
pub struct ShardFailure {
    /// Which.
    pub shard: ShardId,
    /// What happened.
    pub reason: FailureReason,
}

/// How a shard did not end well.
#[derive(Debug)]
#[non_exhaustive]
pub enum FailureReason {
    /// Its service panicked, or its loop did; [`JoinError::into_panic`] has the payload.
    Panicked(JoinError),
    /// Its service returned an error, see [`Shards::try_on_each`](super::Shards::try_on_each).
    Failed(Box<dyn Error + Send + Sync>),
    /// Its service had not ended at the deadline, and was cancelled.
    TimedOut,
    /// Its thread did not end, even after that: something blocks it. It is left to itself.
    Unresponsive,
}

/// The first failure of shards, as [`Shards::ended`](super::Shards::ended) gives it to all waiters.
///
/// It says which shard failed and why, as text. All failures, with the payloads of panics and the
/// errors of services, come from [`Shards::join`](super::Shards::join) and
/// [`Shards::shutdown`](super::Shards::shutdown). It can be made into an [`io::Error`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FirstFailure {
    /// Which.
    pub shard: ShardId,
    text: Arc<str>,
}

impl FirstFailure {
    /// To be called with nothing locked: the text of a service's error is user code.
    pub(super) fn of(failure: &ShardFailure) -> FirstFailure {
        let shard = failure.shard;
        let text = catch_unwind(AssertUnwindSafe(|| failure.to_string())).unwrap_or_else(|payload| {
            catch_panic(|| drop(payload));
            format!("shard {shard}: its service failed, and its error panicked when it was asked for a text")
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
            FailureReason::TimedOut => {
                f.write_str("its service had not ended at the deadline and was cancelled")
            }
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
                "threads can't be pinned to processors here: {error}. Say `pin(false)`"
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

//! Why a simulation has failed.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Error of a simulation: what has failed, where, when, and the seed that repeats it.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    seed: u64,
    at: Duration,
    host: Option<String>,
    reason: Reason,
}

/// Why a simulation has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The main future of the host has panicked, with this message.
    Panicked(String),
    /// The main future of the host has returned this error.
    Returned(String),
    /// The limit of virtual time was reached before all clients had ended.
    Limit,
    /// Nothing is left that could happen, and these clients have not ended.
    Stuck(Vec<String>),
    /// The host has made this number of turns without a change of the time.
    Spins(u64),
    /// A rule or a scheduled closure has panicked, with this message.
    RulePanicked(String),
}

impl Failure {
    pub(crate) fn new(seed: u64, at: Duration, host: Option<String>, reason: Reason) -> Failure {
        Failure {
            seed,
            at,
            host,
            reason,
        }
    }

    /// Returns the seed of the simulation.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the virtual time of the failure, since the beginning.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Returns the name of the host that has failed, if one has.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Returns why it has failed.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, at {:.6} s: ", self.seed, self.at.as_secs_f64())?;
        let host = self.host.as_deref().unwrap_or_default();
        match &self.reason {
            Reason::Panicked(message) => write!(f, "host `{host}` panicked: {message}"),
            Reason::Returned(error) => write!(f, "host `{host}` returned an error: {error}"),
            Reason::Limit => f.write_str(
                "the limit of virtual time is reached before all clients have ended; see \
                 `Sim::set_limit`",
            ),
            Reason::Stuck(clients) => write!(
                f,
                "no packet, timer or task is left, so these clients can't end: {}",
                clients.join(", ")
            ),
            Reason::Spins(turns) => write!(
                f,
                "host `{host}` has run {turns} turns while the time stood still: a task of it \
                 always wakes itself, so the time can't go on; let it sleep"
            ),
            Reason::RulePanicked(message) => {
                write!(f, "a rule or a scheduled closure panicked: {message}")
            }
        }
    }
}

/// As [`Display`](fmt::Display), for `unwrap` in a test.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// Returns the message of a panic, and drops its payload.
pub(crate) fn into_message(payload: Box<dyn Any + Send>) -> String {
    let text = message(&*payload);
    discard(payload);
    text
}

/// Drops the payload of a panic, which may panic in turn.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

/// Returns the message of a panic.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a payload that is no text".to_owned()
    }
}

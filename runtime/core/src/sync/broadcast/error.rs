//! Errors of the channel.

use std::error::Error;
use std::fmt;

/// Error of [`Sender::send`](super::Sender::send): there is no receiver. Has the value.
#[derive(Debug, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the broadcast channel has no receiver")
    }
}

impl<T: fmt::Debug> Error for SendError<T> {}

/// Error of [`Receiver::recv`](super::Receiver::recv).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// All senders are gone, and all values were received.
    Closed,
    /// The receiver was too slow and has lost that number of values.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("all senders of the broadcast channel are gone"),
            RecvError::Lagged(lost) => lagged(f, *lost),
        }
    }
}

impl Error for RecvError {}

/// Error of [`Receiver::try_recv`](super::Receiver::try_recv).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no value now.
    Empty,
    /// All senders are gone, and all values were received.
    Closed,
    /// The receiver was too slow and has lost that number of values.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("the broadcast channel has no value now"),
            TryRecvError::Closed => f.write_str("all senders of the broadcast channel are gone"),
            TryRecvError::Lagged(lost) => lagged(f, *lost),
        }
    }
}

impl Error for TryRecvError {}

fn lagged(f: &mut fmt::Formatter<'_>, lost: u64) -> fmt::Result {
    write!(f, "the receiver was too slow and has lost {lost} values")
}

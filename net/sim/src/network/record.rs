//! The record of what happens in a simulation.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::packet::Summary;

/// Something that has happened: see [`Sim::take_records`](crate::Sim::take_records).
/// Two records are equal if all of it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    at: Duration,
    host: Rc<str>,
    what: What,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// The host has begun to run.
    Started,
    /// The host has run a turn. The number is that of the polls of its tasks so far.
    Turned(u64),
    /// The main future of the host has ended.
    Ended,
    /// The host has crashed.
    Crashed,
    /// The host was paused.
    Paused,
    /// The host goes on after a pause.
    Resumed,
    /// The host has sent a packet.
    Sent(Summary),
    /// A packet from or to the host was lost.
    Lost(Summary),
    /// A packet has arrived at the host.
    Received(Summary),
    /// The direction to the host of this name was cut.
    Cut(Rc<str>),
    /// The direction to the host of this name was restored.
    Healed(Rc<str>),
}

impl Record {
    pub(super) fn new(at: Duration, host: Rc<str>, what: What) -> Record {
        Record { at, host, what }
    }

    /// Returns the virtual time at which it happened.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Returns the name of the host where it happened.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns what has happened.
    pub fn what(&self) -> &What {
        &self.what
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9} s {}: ", self.at.as_secs_f64(), self.host)?;
        match &self.what {
            What::Started => f.write_str("starts"),
            What::Turned(polls) => write!(f, "has made {polls} polls"),
            What::Ended => f.write_str("ends"),
            What::Crashed => f.write_str("crashes"),
            What::Paused => f.write_str("is paused"),
            What::Resumed => f.write_str("goes on"),
            What::Sent(packet) => write!(f, "sends {packet}"),
            What::Lost(packet) => write!(f, "lost {packet}"),
            What::Received(packet) => write!(f, "receives {packet}"),
            What::Cut(other) => write!(f, "the way to {other} is cut"),
            What::Healed(other) => write!(f, "the way to {other} is restored"),
        }
    }
}

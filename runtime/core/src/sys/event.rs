//! Events that a backend of the reactor reports, and what it is asked to report.

/// An event of the descriptor that is registered under `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) key: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Whether the peer will send nothing more, which no later event reports.
    pub(crate) read_closed: bool,
    /// Whether nothing more can be sent.
    pub(crate) write_closed: bool,
    /// Whether there is urgent data or the like. Reads stop at urgent data with more behind it.
    pub(crate) priority: bool,
    /// Whether an error is pending.
    pub(crate) error: bool,
}

/// The events to report of a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) priority: bool,
}

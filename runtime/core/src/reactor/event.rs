//! Events that a backend reports.

/// An event of the descriptor that is registered under `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) key: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Whether the peer will send nothing more, which no later event reports.
    pub(super) read_closed: bool,
    /// Whether nothing more can be sent.
    pub(super) write_closed: bool,
    /// Whether there is urgent data or the like. Reads stop at urgent data with more behind it.
    pub(super) priority: bool,
    /// Whether an error is pending.
    pub(super) error: bool,
}

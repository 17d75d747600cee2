//! Events that a backend reports.

/// An event of the descriptor that is registered under `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) key: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Whether a short read does not mean that nothing is left to read. Either the peer will send
    /// nothing more, which no later event reports, or reads stop at urgent data with more behind
    /// it.
    pub(super) read_closed: bool,
    /// Whether nothing more can be sent.
    pub(super) write_closed: bool,
}

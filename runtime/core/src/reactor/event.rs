//! What a backend tells.

/// Something happened to the descriptor registered under `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) key: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// A short read does not mean that nothing is left: the other side will send nothing more, which
    /// no further event will say, or a read stops at urgent data with more behind it.
    pub(super) read_closed: bool,
    /// Nothing more can be sent.
    pub(super) write_closed: bool,
}

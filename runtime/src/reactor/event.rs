//! What a backend tells.

/// Something happened to the descriptor registered under `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) key: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The other side will send nothing more.
    pub(super) read_closed: bool,
    /// Nothing more can be sent.
    pub(super) write_closed: bool,
}

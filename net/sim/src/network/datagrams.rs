//! The state of a UDP socket.

use std::collections::VecDeque;
use std::net::SocketAddr;

#[derive(Default)]
pub(super) struct Datagrams {
    pub(super) peer: Option<SocketAddr>,
    pub(super) queue: VecDeque<(Vec<u8>, SocketAddr)>,
    /// Bytes of the receive buffer that are in use.
    pub(super) used: usize,
}

impl Datagrams {
    pub(super) fn has_some(&self) -> bool {
        !self.queue.is_empty()
    }
}

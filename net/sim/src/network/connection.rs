//! The state of a TCP connection.

use std::collections::VecDeque;
use std::net::SocketAddr;

use wakeful_net::sim::Readiness;

use super::SockId;

/// Largest data of a segment, in bytes.
pub(super) const SEGMENT: usize = 16 * 1024;
/// Nanoseconds of a second.
pub(super) const SECOND: u64 = 1_000_000_000;
/// Shortest wait for an acknowledgement, in nanoseconds.
const RESEND_AFTER: u64 = SECOND / 5;
/// Longest wait for an acknowledgement, in nanoseconds.
const RESEND_AT_MOST: u64 = 120 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The opener waits for the answer.
    Connecting,
    /// The listener's side waits for the last part of the handshake.
    Accepting {
        listener: SockId,
    },
    Open,
    /// Reset, or timed out.
    Closed,
}

pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) opener: SockId,
    pub(super) phase: Phase,
    /// Written and not acknowledged, from number `acked` on.
    pub(super) send: VecDeque<u8>,
    pub(super) acked: u64,
    /// Number of the next byte to send.
    pub(super) next: u64,
    /// The largest value that `next` has had.
    pub(super) sent: u64,
    /// Number of the byte after the last one that the peer has space for.
    pub(super) edge: u64,
    /// Whether this side writes nothing more.
    pub(super) shut_write: bool,
    pub(super) end_acked: bool,
    /// Whether a write found too little space.
    pub(super) wants_space: bool,
    /// Received and not read.
    pub(super) receive: VecDeque<u8>,
    /// Number of the next byte to receive.
    pub(super) expected: u64,
    /// The edge that was sent to the peer last.
    pub(super) announced: u64,
    pub(super) peer_ended: bool,
    pub(super) shut_read: bool,
    /// When to send again; 0: never.
    pub(super) deadline: u64,
    /// Time of the event that checks the deadline; 0: none.
    pub(super) armed_at: u64,
    pub(super) tries: u32,
    /// A number, and when the byte before it was sent, to measure the round trip.
    pub(super) sample: Option<(u64, u64)>,
    pub(super) round_trip: u64,
    /// Acknowledgements in a row that said nothing new.
    pub(super) repeated: u32,
    /// Whether the socket is closed, and its system ends the connection.
    pub(super) is_orphan: bool,
    /// When the last packet arrives.
    pub(super) last_arrival: u64,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, opener: SockId, phase: Phase) -> Connection {
        Connection {
            peer,
            opener,
            phase,
            send: VecDeque::new(),
            acked: 0,
            next: 0,
            sent: 0,
            edge: 0,
            shut_write: false,
            end_acked: false,
            wants_space: false,
            receive: VecDeque::new(),
            expected: 0,
            announced: 0,
            peer_ended: false,
            shut_read: false,
            deadline: 0,
            armed_at: 0,
            tries: 0,
            sample: None,
            round_trip: 0,
            repeated: 0,
            is_orphan: false,
            last_arrival: 0,
        }
    }

    /// Returns when a packet arrives that would arrive at `at`.
    pub(super) fn in_order(&mut self, at: u64) -> u64 {
        self.last_arrival = self.last_arrival.max(at);
        self.last_arrival
    }

    /// Returns what the socket is ready for, with a send buffer of this size.
    pub(super) fn readiness(&self, size: usize) -> Readiness {
        match self.phase {
            Phase::Connecting | Phase::Accepting { .. } => Readiness::default(),
            Phase::Closed => CLOSED,
            Phase::Open => {
                let ended = self.peer_ended || self.shut_read;
                Readiness {
                    readable: ended || !self.receive.is_empty(),
                    writable: self.shut_write || self.send.len() < size,
                    read_closed: ended,
                    write_closed: ended && self.shut_write,
                    error: false,
                }
            }
        }
    }

    /// Returns how much further the edge of a receive buffer of this size is than the announced
    /// one, or 0 if that is little.
    pub(super) fn gained_space(&self, size: u64) -> u64 {
        let space = size.saturating_sub(self.receive.len() as u64);
        let gained = (self.expected + space).saturating_sub(self.announced);
        let is_much = gained >= (size / 2).min(2 * SEGMENT as u64);
        if is_much { gained } else { 0 }
    }

    /// Whether both directions have ended.
    pub(super) fn is_over(&self) -> bool {
        self.end_acked && self.peer_ended
    }

    /// Returns the number of the end of what was written.
    pub(super) fn end(&self) -> u64 {
        self.acked + self.send.len() as u64
    }

    pub(super) fn wait(&self) -> u64 {
        let wait = (self.round_trip * 3).max(RESEND_AFTER);
        (wait << self.tries.min(16)).min(RESEND_AT_MOST)
    }

    /// Returns a copy of what was written, from number `from` on.
    pub(super) fn written(&self, from: u64, len: usize) -> Vec<u8> {
        let from = (from - self.acked) as usize;
        let (one, two) = self.send.as_slices();
        let mut data = Vec::with_capacity(len);
        if from < one.len() {
            data.extend_from_slice(&one[from..one.len().min(from + len)]);
        }
        let from = (from + data.len()).saturating_sub(one.len());
        let rest = len - data.len();
        data.extend_from_slice(&two[from..from + rest]);
        data
    }

    pub(super) fn read(&mut self, buf: &mut [u8], peek: bool) -> usize {
        let len = buf.len().min(self.receive.len());
        let (one, two) = self.receive.as_slices();
        let first = len.min(one.len());
        buf[..first].copy_from_slice(&one[..first]);
        buf[first..len].copy_from_slice(&two[..len - first]);
        if !peek {
            self.receive.drain(..len);
        }
        len
    }
}

pub(super) const CLOSED: Readiness = Readiness {
    readable: true,
    writable: true,
    read_closed: true,
    write_closed: true,
    error: true,
};

//! Packets, and what rules see of them.

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::{HostId, SockId};

/// Size of the headers of a packet, for the bandwidth.
const HEADERS: usize = 40;

/// A packet between two hosts, as a rule sees it: see [`Control::rule`](crate::Control::rule).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Packet {
    /// Name of the host that sends it.
    pub from: Rc<str>,
    /// Name of the host that it is for.
    pub to: Rc<str>,
    /// Address that it comes from.
    pub source: SocketAddr,
    /// Address that it is for.
    pub target: SocketAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// Bytes of data, without headers.
    pub len: usize,
}

/// Protocol of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// A segment of a TCP connection.
    Tcp,
    /// A UDP datagram.
    Udp,
    /// The report that no socket is bound to the port of a datagram.
    Icmp,
}

/// What a rule decides about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the next rule, and at last to the link.
    Deliver,
    /// It is lost. TCP sends it again.
    Drop,
    /// It arrives this much later than the link makes it. No further rule is asked.
    Delay(Duration),
}

/// What a packet carries.
pub(super) enum Body {
    Segment(Box<Segment>),
    Datagram(Vec<u8>),
    /// No socket is bound to the port of a datagram.
    Refusal,
}

impl Body {
    /// Returns the size on the link, in bytes.
    pub(super) fn size(&self) -> usize {
        HEADERS
            + match self {
                Body::Segment(segment) => segment.data.len(),
                Body::Datagram(data) => data.len(),
                Body::Refusal => 0,
            }
    }
}

/// A segment of a TCP connection. Numbers count bytes from the beginning of the connection; the end
/// of the stream counts as one byte.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// The socket that opened the connection: two connections between the same ports differ.
    pub(super) connection: SockId,
    /// The socket that sends it.
    pub(super) sender: SockId,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    /// Number of the first byte of `data`.
    pub(super) number: u64,
    /// Number of the next byte that the sender expects, if it knows the peer.
    pub(super) ack: Option<u64>,
    /// Number of the byte after the last one that the sender has space for.
    pub(super) edge: u64,
    pub(super) data: Vec<u8>,
}

/// A packet on its way.
pub(super) struct InFlight {
    pub(super) from: HostId,
    pub(super) to: HostId,
    pub(super) source: SocketAddr,
    pub(super) target: SocketAddr,
    pub(super) body: Body,
}

impl InFlight {
    pub(super) fn summary(&self) -> Summary {
        let (kind, number, len) = match &self.body {
            Body::Segment(segment) => {
                let kind = match &**segment {
                    Segment { rst: true, .. } => "reset",
                    Segment {
                        syn: true,
                        ack: None,
                        ..
                    } => "connect",
                    Segment { syn: true, .. } => "accept",
                    Segment { fin: true, .. } => "end",
                    Segment { data, .. } if data.is_empty() => "ack",
                    _ => "data",
                };
                (kind, segment.number, segment.data.len())
            }
            Body::Datagram(data) => ("datagram", 0, data.len()),
            Body::Refusal => ("refusal", 0, 0),
        };
        Summary {
            kind,
            source: self.source,
            target: self.target,
            number,
            len,
        }
    }

    pub(super) fn show(&self, name: impl Fn(HostId) -> Rc<str>) -> Packet {
        let protocol = match self.body {
            Body::Segment(_) => Protocol::Tcp,
            Body::Datagram(_) => Protocol::Udp,
            Body::Refusal => Protocol::Icmp,
        };
        Packet {
            from: name(self.from),
            to: name(self.to),
            source: self.source,
            target: self.target,
            protocol,
            len: self.summary().len,
        }
    }
}

/// What the record shows of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Summary {
    kind: &'static str,
    source: SocketAddr,
    target: SocketAddr,
    number: u64,
    len: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary {
            kind,
            source,
            target,
            number,
            len,
        } = self;
        write!(f, "{kind} {source} -> {target}")?;
        match *kind {
            "data" => write!(f, ", {len} bytes from byte {number}"),
            "datagram" => write!(f, ", {len} bytes"),
            _ => Ok(()),
        }
    }
}

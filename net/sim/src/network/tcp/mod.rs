//! TCP: the handshake, the window, the end of each direction, resets, and sending again what was
//! lost.
//!
//! Bytes are numbered from 0 in each direction, and the end of the stream counts as one more. There
//! is no congestion control, no delayed acknowledgement and no Nagle's algorithm.

mod calls;

use std::net::SocketAddr;

use rustix::io::Errno;
use wakeful_net::sim::{Kind, Readiness};

use super::connection::{CLOSED, Connection, Phase, SECOND, SEGMENT};
use super::packet::{Body, Segment};
use super::socket::{Sock, Stage, connection};
use super::{Event, HostId, SockId, State};

/// How long a closed socket waits for the end of the peer's direction, in nanoseconds.
const WAIT_FOR_END: u64 = 60 * SECOND;

/// Tries after the first one, as Linux makes them by default.
const SYN_TRIES: u32 = 6;
const ACCEPT_TRIES: u32 = 5;
const DATA_TRIES: u32 = 15;

impl State {
    fn connection(&mut self, id: SockId) -> Option<&mut Connection> {
        connection(self.sock(id)?)
    }

    /// Sets when the connection sends again, and has an event at that time.
    fn arm(&mut self, id: SockId, deadline: u64) {
        let Some(connection) = self.connection(id) else {
            return;
        };
        connection.deadline = deadline;
        let is_early = connection.armed_at != 0 && connection.armed_at <= deadline;
        if deadline != 0 && !is_early {
            connection.armed_at = deadline;
            self.schedule(deadline, Event::Timer(id));
        }
    }

    /// Sends a segment, which `fill` completes.
    fn segment(&mut self, id: SockId, fill: impl FnOnce(&mut Segment)) {
        let Some(sock) = self.sock(id) else { return };
        let (host, source) = (sock.host, sock.local_addr());
        let size = sock.option("recv_buffer_size");
        let Some(connection) = connection(sock) else {
            return;
        };
        // Small gains are not announced, or the peer would send many small segments.
        connection.announced += connection.gained_space(size);
        let knows_peer = connection.phase != Phase::Connecting;
        let mut segment = Segment {
            connection: connection.opener,
            sender: id,
            number: connection.next,
            ack: knows_peer.then_some(connection.expected),
            edge: connection.announced,
            ..Segment::default()
        };
        fill(&mut segment);
        let peer = connection.peer;
        self.post(host, source, peer, Body::Segment(Box::new(segment)));
    }

    /// Sends a segment of a handshake, again after `tries` times without an answer.
    fn shake(&mut self, id: SockId, tries: u32) {
        self.segment(id, |segment| segment.syn = true);
        self.arm(id, self.now + (SECOND << tries));
    }

    fn acknowledge(&mut self, id: SockId) {
        self.segment(id, |_| {});
    }

    /// Sends what was written, as far as the peer has space, and then the end.
    fn flow(&mut self, id: SockId) {
        let now = self.now;
        loop {
            let Some(connection) = self.connection(id) else {
                return;
            };
            if connection.phase != Phase::Open || connection.end_acked {
                return;
            }
            let end = connection.end();
            let from = connection.next;
            let limit = end.min(connection.edge);
            let len = (limit.saturating_sub(from) as usize).min(SEGMENT);
            let fin = connection.shut_write && from + len as u64 == end;
            if len == 0 && !fin {
                break;
            }
            let data = connection.written(from, len);
            if connection.sample.is_none() && from == connection.sent {
                connection.sample = Some((from + 1, now));
            }
            self.segment(id, |segment| {
                segment.fin = fin;
                segment.data = data;
            });
            if let Some(connection) = self.connection(id) {
                connection.next = from + len as u64 + u64::from(fin);
                connection.sent = connection.sent.max(connection.next);
            }
        }
        if let Some(connection) = self.connection(id) {
            // Also if the peer has no space: the deadline sends a probe.
            let waits = connection.next > connection.acked || !connection.send.is_empty();
            if waits && connection.deadline == 0 {
                let deadline = now + connection.wait();
                self.arm(id, deadline);
            }
        }
    }

    /// Ends a connection with an error.
    fn fail(&mut self, id: SockId, error: Errno) {
        let Some(sock) = self.sock(id) else { return };
        let Some(connection) = connection(sock) else {
            return;
        };
        if connection.is_orphan {
            return self.remove_sock(id);
        }
        connection.phase = Phase::Closed;
        connection.deadline = 0;
        connection.send.clear();
        sock.error = Some(error);
        sock.raise(CLOSED);
    }

    /// Handles the timer of a socket.
    pub(super) fn socket_timer(&mut self, id: SockId) {
        let now = self.now;
        let Some(connection) = self.connection(id) else {
            return;
        };
        if connection.armed_at != now {
            // The deadline was moved to an earlier time.
            return;
        }
        connection.armed_at = 0;
        let deadline = connection.deadline;
        if deadline > now {
            return self.arm(id, deadline);
        }
        if deadline == 0 {
            return;
        }
        connection.deadline = 0;
        connection.tries += 1;
        let tries = connection.tries;
        match connection.phase {
            Phase::Closed => {}
            Phase::Connecting if tries > SYN_TRIES => self.fail(id, Errno::TIMEDOUT),
            Phase::Accepting { listener } if tries > ACCEPT_TRIES => {
                self.end_pending(listener);
                self.remove_sock(id);
            }
            Phase::Connecting | Phase::Accepting { .. } => self.shake(id, tries),
            // The peer has not ended its direction.
            Phase::Open if connection.end_acked => self.remove_sock(id),
            Phase::Open if tries > DATA_TRIES => self.fail(id, Errno::TIMEDOUT),
            Phase::Open => {
                connection.sample = None;
                connection.next = connection.acked;
                let wait = connection.wait();
                let has_no_space = connection.edge <= connection.acked;
                if has_no_space && !connection.send.is_empty() {
                    // A probe, to learn whether the peer has space by now.
                    let data = connection.written(connection.acked, 1);
                    self.segment(id, |segment| segment.data = data);
                    if let Some(connection) = self.connection(id) {
                        connection.sent = connection.sent.max(connection.acked + 1);
                    }
                } else {
                    self.flow(id);
                }
                self.arm(id, now + wait);
            }
        }
    }

    /// Counts a handshake with a listener as ended.
    fn end_pending(&mut self, listener: SockId) {
        if let Some(Stage::Listening(listener)) = self.sock(listener).map(|sock| &mut sock.state) {
            listener.pending = listener.pending.saturating_sub(1);
        }
    }

    /// Answers a segment for which there is no connection.
    fn refuse(&mut self, host: HostId, source: SocketAddr, target: SocketAddr, to: &Segment) {
        if to.rst {
            return;
        }
        let segment = Segment {
            connection: to.connection,
            sender: SockId::MAX,
            rst: true,
            ..Segment::default()
        };
        self.post(host, target, source, Body::Segment(Box::new(segment)));
    }

    pub(super) fn segment_arrives(
        &mut self,
        host: HostId,
        source: SocketAddr,
        target: SocketAddr,
        segment: Segment,
    ) {
        let found = self.sockets.streams.get(&(host, target, source)).copied();
        let known = found.filter(|&id| {
            self.connection(id)
                .is_some_and(|connection| connection.opener == segment.connection)
        });
        match known {
            Some(id) => self.segment_for(id, segment),
            None if segment.syn && segment.ack.is_none() => {
                if let Some(old) = found {
                    // The peer has forgotten the old connection, and uses its port again.
                    self.fail(old, Errno::CONNRESET);
                    self.sockets.streams.remove(&(host, target, source));
                }
                self.open(host, source, target, &segment);
            }
            None => self.refuse(host, source, target, &segment),
        }
    }

    /// Begins a connection with a listener, if there is one.
    fn open(&mut self, host: HostId, source: SocketAddr, target: SocketAddr, syn: &Segment) {
        let mut bound = self.nodes[host].bound_to(Kind::Stream, target.ip(), target.port());
        bound.retain(|&id| {
            let sock = self.sockets.get(id);
            sock.is_some_and(|sock| matches!(sock.state, Stage::Listening(_)))
        });
        let choice = match bound.len() {
            0 => return self.refuse(host, source, target, syn),
            1 => 0,
            // Listeners that share the port.
            count => self.numbers.below(count as u64) as usize,
        };
        let listener_id = bound[choice];
        let mut sock = Sock::new(host, Kind::Stream, target.is_ipv6());
        if let Some(listening) = self.sock(listener_id) {
            sock.inherit_options(listening);
            if let Stage::Listening(listener) = &mut listening.state {
                // The opener tries again.
                if listener.queue.len() + listener.pending > listener.backlog {
                    return;
                }
                listener.pending += 1;
            }
        }
        sock.local = Some(target);
        let phase = Phase::Accepting {
            listener: listener_id,
        };
        let mut connection = Connection::new(source, syn.connection, phase);
        connection.edge = syn.edge;
        sock.state = Stage::Stream(Box::new(connection));
        let id = self.sockets.insert(sock);
        self.sockets.streams.insert((host, target, source), id);
        self.shake(id, 0);
    }

    fn segment_for(&mut self, id: SockId, segment: Segment) {
        let Some(connection) = self.connection(id) else {
            return;
        };
        match connection.phase {
            Phase::Closed => {}
            Phase::Connecting if segment.rst => self.fail(id, Errno::CONNREFUSED),
            Phase::Connecting => {
                if segment.syn && segment.ack.is_some() {
                    connection.phase = Phase::Open;
                    connection.edge = segment.edge;
                    connection.tries = 0;
                    connection.deadline = 0;
                    self.acknowledge(id);
                    if let Some(sock) = self.sock(id) {
                        sock.raise_writable();
                    }
                }
            }
            Phase::Accepting { listener } if segment.rst => {
                self.end_pending(listener);
                self.remove_sock(id);
            }
            Phase::Accepting { .. } if segment.syn => {
                self.segment(id, |segment| segment.syn = true);
            }
            Phase::Accepting { listener } => {
                connection.phase = Phase::Open;
                connection.tries = 0;
                connection.deadline = 0;
                self.end_pending(listener);
                match self.sock(listener) {
                    Some(sock) if matches!(sock.state, Stage::Listening(_)) => {
                        if let Stage::Listening(listener) = &mut sock.state {
                            listener.queue.push_back(id);
                        }
                        sock.raise_readable();
                        self.open_segment(id, segment);
                    }
                    // The listener was closed meanwhile.
                    _ => self.reset(id),
                }
            }
            Phase::Open if segment.rst => {
                // As Linux: the peer had already ended its direction.
                let error = match connection.peer_ended {
                    true => Errno::PIPE,
                    false => Errno::CONNRESET,
                };
                self.fail(id, error);
            }
            // The acknowledgement of the handshake was lost.
            Phase::Open if segment.syn => self.acknowledge(id),
            Phase::Open => self.open_segment(id, segment),
        }
    }

    /// Handles a segment of an open connection.
    fn open_segment(&mut self, id: SockId, segment: Segment) {
        self.take_ack(id, &segment);
        let len = segment.data.len() as u64;
        if len == 0 && !segment.fin {
            return self.end_if_over(id);
        }
        let Some(sock) = self.sock(id) else { return };
        let size = sock.option("recv_buffer_size");
        let Some(connection) = connection(sock) else {
            return;
        };
        let expected = connection.expected;
        if connection.is_orphan && segment.number + len > expected {
            // These are new bytes, and their reader is gone.
            return self.reset(id);
        }
        let is_new = segment.number + len + u64::from(segment.fin) > expected;
        if segment.number <= expected && is_new && !connection.peer_ended {
            let known = (expected - segment.number) as usize;
            let fresh = segment.data.get(known..).unwrap_or_default();
            let space = size.saturating_sub(connection.receive.len() as u64) as usize;
            // What was announced is accepted also if the buffer was made smaller.
            let announced = connection.announced.saturating_sub(expected) as usize;
            let taken = fresh.len().min(space.max(announced));
            connection.receive.extend(&fresh[..taken]);
            connection.expected += taken as u64;
            let ended = segment.fin && taken == fresh.len();
            connection.peer_ended = ended;
            connection.expected += u64::from(ended);
            if taken > 0 || ended {
                let both = ended && connection.shut_write;
                sock.raise(Readiness {
                    readable: true,
                    read_closed: ended,
                    write_closed: both,
                    ..Readiness::default()
                });
            }
        }
        self.acknowledge(id);
        self.end_if_over(id);
    }

    /// Forgets a closed socket when both directions have ended.
    fn end_if_over(&mut self, id: SockId) {
        if let Some(connection) = self.connection(id)
            && connection.is_orphan
            && connection.is_over()
        {
            self.remove_sock(id);
        }
    }

    /// Takes the acknowledgement and the window of a segment.
    fn take_ack(&mut self, id: SockId, segment: &Segment) {
        let now = self.now;
        let Some(sock) = self.sock(id) else { return };
        let size = sock.option("send_buffer_size") as usize;
        let Some(connection) = connection(sock) else {
            return;
        };
        let Some(ack) = segment.ack.filter(|&ack| ack <= connection.sent) else {
            return;
        };
        let has_more_space = segment.edge > connection.edge;
        connection.edge = connection.edge.max(segment.edge);
        if ack > connection.acked {
            if let Some((number, at)) = connection.sample
                && ack >= number
            {
                connection.round_trip = (connection.round_trip + (now - at)) / 2;
                connection.sample = None;
            }
            let acked = connection.acked;
            let data = ((ack - acked) as usize).min(connection.send.len());
            connection.send.drain(..data);
            connection.acked = ack;
            // The end is the byte after all data.
            connection.end_acked = ack - acked > data as u64;
            connection.next = connection.next.max(ack);
            connection.tries = 0;
            connection.repeated = 0;
            connection.deadline = 0;
        } else if connection.next > connection.acked
            && segment.data.is_empty()
            && !segment.fin
            && !has_more_space
        {
            connection.repeated += 1;
            if connection.repeated == 3 {
                // Something was lost: send again without waiting for the deadline.
                connection.next = connection.acked;
                connection.sample = None;
            }
        }
        if connection.edge <= connection.acked {
            // The peer lives, and has no space.
            connection.tries = 0;
        }
        let space = size.saturating_sub(connection.send.len());
        if connection.wants_space && space * 3 >= size {
            connection.wants_space = false;
            sock.raise_writable();
        }
        if let Some(connection) = self.connection(id)
            && connection.end_acked
            && connection.is_orphan
            && !connection.peer_ended
        {
            return self.arm(id, now + WAIT_FOR_END);
        }
        self.flow(id);
    }
}

//! What the calls of an application do.

use std::collections::VecDeque;
use std::net::{Shutdown, SocketAddr};

use rustix::io::Errno;
use wakeful_net::sim::Readiness;

use super::super::connection::{CLOSED, Connection, Phase};
use super::super::socket::{Listener, Stage, connection};
use super::super::{SockId, State};
use super::WAIT_FOR_END;

impl State {
    pub(in super::super) fn listen(&mut self, id: SockId, backlog: u32) -> Result<(), Errno> {
        let sock = self.sock(id).ok_or(Errno::BADF)?;
        let unspecified = sock.unspecified();
        match &mut sock.state {
            Stage::Listening(listener) => {
                listener.backlog = backlog as usize;
                return Ok(());
            }
            Stage::Fresh => {}
            Stage::Stream(_) => return Err(Errno::INVAL),
            Stage::Datagram(_) => return Err(Errno::OPNOTSUPP),
        }
        if sock.local.is_none() {
            self.bind(id, SocketAddr::new(unspecified, 0))?;
        }
        let listener = Listener {
            backlog: backlog as usize,
            queue: VecDeque::new(),
            pending: 0,
        };
        if let Some(sock) = self.sock(id) {
            sock.state = Stage::Listening(listener);
        }
        Ok(())
    }

    pub(in super::super) fn connect_stream(
        &mut self,
        id: SockId,
        to: SocketAddr,
    ) -> Result<(), Errno> {
        match self.sock(id).map(|sock| &sock.state) {
            Some(Stage::Fresh) => {}
            Some(Stage::Stream(_)) => return Err(Errno::ISCONN),
            _ => return Err(Errno::OPNOTSUPP),
        }
        let source = self.source(id, to, true)?;
        let host = self.sock(id).map(|sock| sock.host).ok_or(Errno::BADF)?;
        // A connection to an unspecified address is one to this host.
        let peer = match to.ip().is_unspecified() {
            true => SocketAddr::new(source.ip(), to.port()),
            false => to,
        };
        let key = (host, source, peer);
        if self.sockets.streams.contains_key(&key) {
            return Err(Errno::ADDRNOTAVAIL);
        }
        self.sockets.streams.insert(key, id);
        if let Some(sock) = self.sock(id) {
            let connection = Connection::new(peer, id, Phase::Connecting);
            sock.state = Stage::Stream(Box::new(connection));
        }
        self.shake(id, 0);
        Err(Errno::WOULDBLOCK)
    }

    /// Returns the next connection of a listener, and its peer.
    pub(in super::super) fn accept(&mut self, id: SockId) -> Result<(SockId, SocketAddr), Errno> {
        let sock = self.sock(id).ok_or(Errno::BADF)?;
        let Stage::Listening(listener) = &mut sock.state else {
            return Err(Errno::INVAL);
        };
        let id = listener.queue.pop_front().ok_or(Errno::WOULDBLOCK)?;
        let peer = self.connection(id).map(|connection| connection.peer);
        Ok((id, peer.ok_or(Errno::CONNABORTED)?))
    }

    pub(in super::super) fn read(
        &mut self,
        id: SockId,
        buf: &mut [u8],
        peek: bool,
    ) -> Result<usize, Errno> {
        let sock = self.sock(id).ok_or(Errno::BADF)?;
        let size = sock.option("recv_buffer_size");
        let connection = connection(sock).ok_or(Errno::NOTCONN)?;
        if connection.receive.is_empty() {
            // As Linux: after the end of the stream, not even an error is reported.
            if connection.peer_ended {
                return Ok(0);
            }
            let at_end = connection.shut_read || connection.phase == Phase::Closed;
            return match sock.error.take() {
                Some(error) => Err(error),
                None if at_end => Ok(0),
                None => Err(Errno::WOULDBLOCK),
            };
        }
        let len = connection.read(buf, peek);
        // Tell the peer of the space when there is much of it again.
        let is_much = connection.gained_space(size) > 0;
        if is_much && connection.phase == Phase::Open && !connection.peer_ended {
            self.acknowledge(id);
        }
        Ok(len)
    }

    pub(in super::super) fn write(&mut self, id: SockId, buf: &[u8]) -> Result<usize, Errno> {
        let sock = self.sock(id).ok_or(Errno::BADF)?;
        if let Some(error) = sock.error.take() {
            return Err(error);
        }
        let size = sock.option("send_buffer_size") as usize;
        let Some(connection) = connection(sock) else {
            return Err(Errno::PIPE);
        };
        match connection.phase {
            Phase::Connecting | Phase::Accepting { .. } => return Err(Errno::WOULDBLOCK),
            Phase::Closed => return Err(Errno::PIPE),
            Phase::Open if connection.shut_write => return Err(Errno::PIPE),
            Phase::Open => {}
        }
        let len = buf.len().min(size.saturating_sub(connection.send.len()));
        connection.wants_space |= len < buf.len();
        if len == 0 && !buf.is_empty() {
            return Err(Errno::WOULDBLOCK);
        }
        connection.send.extend(&buf[..len]);
        self.flow(id);
        Ok(len)
    }

    pub(in super::super) fn shutdown(&mut self, id: SockId, how: Shutdown) -> Result<(), Errno> {
        let sock = self.sock(id).ok_or(Errno::BADF)?;
        if let Stage::Listening(listener) = &mut sock.state {
            // As Linux does: it listens no longer, and `accept` fails.
            let queue = std::mem::take(&mut listener.queue);
            sock.state = Stage::Fresh;
            sock.raise(CLOSED);
            queue.into_iter().for_each(|id| self.reset(id));
            return Ok(());
        }
        let connection = connection(sock).ok_or(Errno::NOTCONN)?;
        if connection.phase != Phase::Open || connection.is_over() {
            return Err(Errno::NOTCONN);
        }
        let writes = how != Shutdown::Read;
        let reads = how != Shutdown::Write;
        connection.shut_write |= writes;
        connection.shut_read |= reads;
        sock.raise(Readiness {
            readable: reads,
            read_closed: reads,
            writable: writes,
            write_closed: reads && writes,
            error: false,
        });
        self.flow(id);
        Ok(())
    }

    pub(in super::super) fn stream_peer(&mut self, id: SockId) -> Result<SocketAddr, Errno> {
        let connection = self.connection(id).ok_or(Errno::NOTCONN)?;
        match connection.phase {
            Phase::Open if !connection.is_over() => Ok(connection.peer),
            _ => Err(Errno::NOTCONN),
        }
    }

    /// Closes a stream, as its last descriptor is closed.
    pub(in super::super) fn close_stream(&mut self, id: SockId) {
        let Some(sock) = self.sock(id) else { return };
        let lingers_zero = sock.lingers_zero();
        let Some(connection) = connection(sock) else {
            return;
        };
        match connection.phase {
            Phase::Connecting | Phase::Closed => return self.remove_sock(id),
            Phase::Accepting { .. } | Phase::Open => {}
        }
        if connection.is_over() {
            return self.remove_sock(id);
        }
        if lingers_zero || !connection.receive.is_empty() {
            return self.reset(id);
        }
        connection.shut_write = true;
        connection.is_orphan = true;
        let ended = connection.end_acked;
        self.flow(id);
        if ended {
            self.arm(id, self.now + WAIT_FOR_END);
        }
    }

    /// Resets a connection, and forgets its socket.
    pub(in super::super) fn reset(&mut self, id: SockId) {
        self.segment(id, |segment| segment.rst = true);
        self.remove_sock(id);
    }
}

//! UDP.

use std::net::SocketAddr;

use rustix::io::Errno;
use wakeful_net::sim::Kind;

use super::datagrams::Datagrams;
use super::packet::Body;
use super::socket::Stage;
use super::{HostId, SockId, State};

/// Largest datagram, in bytes: that of IPv4.
const MAX: usize = 65_507;

/// What a queued datagram takes of the receive buffer beside its data, in bytes.
const OVERHEAD: usize = 256;

impl State {
    fn datagrams(&mut self, id: SockId) -> Result<&mut Datagrams, Errno> {
        match self.sock(id).map(|sock| &mut sock.state) {
            Some(Stage::Datagram(datagrams)) => Ok(datagrams),
            Some(_) => Err(Errno::OPNOTSUPP),
            None => Err(Errno::BADF),
        }
    }

    pub(super) fn connect_datagram(&mut self, id: SockId, to: SocketAddr) -> Result<(), Errno> {
        self.source(id, to, true)?;
        self.datagrams(id)?.peer = Some(to);
        Ok(())
    }

    pub(super) fn send_datagram(
        &mut self,
        id: SockId,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<usize, Errno> {
        if let Some(error) = self.sock(id).and_then(|sock| sock.error.take()) {
            return Err(error);
        }
        let target = match to.or(self.datagrams(id)?.peer) {
            Some(target) => target,
            None => return Err(Errno::DESTADDRREQ),
        };
        if data.len() > MAX {
            return Err(Errno::MSGSIZE);
        }
        let source = self.source(id, target, false)?;
        if let Some(host) = self.sock(id).map(|sock| sock.host) {
            self.post(host, source, target, Body::Datagram(data.to_vec()));
        }
        Ok(data.len())
    }

    pub(super) fn receive_datagram(
        &mut self,
        id: SockId,
        buf: &mut [u8],
        peek: bool,
    ) -> Result<(usize, SocketAddr), Errno> {
        let sock = self.sock(id).ok_or(Errno::BADF)?;
        if let Some(error) = sock.error.take() {
            return Err(error);
        }
        let datagrams = self.datagrams(id)?;
        let Some((data, from)) = datagrams.queue.front() else {
            return Err(Errno::WOULDBLOCK);
        };
        let len = data.len().min(buf.len());
        buf[..len].copy_from_slice(&data[..len]);
        let from = *from;
        if !peek {
            datagrams.used -= data.len() + OVERHEAD;
            datagrams.queue.pop_front();
        }
        Ok((len, from))
    }

    pub(super) fn datagram_arrives(
        &mut self,
        host: HostId,
        source: SocketAddr,
        target: SocketAddr,
        data: Vec<u8>,
    ) {
        let bound = self.nodes[host].bound_to(Kind::Datagram, target.ip(), target.port());
        // A connected socket goes before the others.
        let peer = |state: &State, id: SockId| match &state.sockets.get(id)?.state {
            Stage::Datagram(datagrams) => datagrams.peer,
            _ => None,
        };
        let connected = bound.iter().find(|&&id| peer(self, id) == Some(source));
        let open = bound.iter().find(|&&id| peer(self, id).is_none());
        let Some(&id) = connected.or(open) else {
            return self.post(host, target, source, Body::Refusal);
        };
        let Some(sock) = self.sock(id) else { return };
        let space = sock.option("recv_buffer_size") as usize;
        let Stage::Datagram(datagrams) = &mut sock.state else {
            return;
        };
        // What does not fit is lost, as in the system.
        if datagrams.used + data.len() + OVERHEAD <= space {
            datagrams.used += data.len() + OVERHEAD;
            datagrams.queue.push_back((data, source));
            sock.raise_readable();
        }
    }

    /// No socket is bound to `source`, to which a socket at `target` has sent. A connected socket
    /// reports it.
    pub(super) fn refusal_arrives(&mut self, host: HostId, source: SocketAddr, target: SocketAddr) {
        for id in self.nodes[host].bound_to(Kind::Datagram, target.ip(), target.port()) {
            if let Some(sock) = self.sock(id)
                && let Stage::Datagram(datagrams) = &sock.state
                && datagrams.peer == Some(source)
            {
                sock.error = Some(Errno::CONNREFUSED);
                sock.raise(wakeful_net::sim::Readiness {
                    readable: true,
                    writable: true,
                    error: true,
                    ..Default::default()
                });
            }
        }
    }
}

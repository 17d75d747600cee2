//! Sockets of all hosts: what TCP and UDP share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use wakeful_net::sim::{Kind, Readiness, Signal};

use super::connection::Connection;
use super::datagrams::Datagrams;
use super::packet::Segment;
use super::{HostId, SockId, State};

/// Default size of the buffers of a stream, in bytes.
const BUFFER: u64 = 128 * 1024;
/// Default size of the receive buffer of datagrams, in bytes.
const DATAGRAM_BUFFER: u64 = 208 * 1024;

pub(super) struct Sock {
    pub(super) host: HostId,
    pub(super) kind: Kind,
    pub(super) is_ipv6: bool,
    pub(super) local: Option<SocketAddr>,
    pub(super) state: Stage,
    pub(super) signal: Option<Signal>,
    pub(super) error: Option<Errno>,
    options: BTreeMap<&'static str, u64>,
}

pub(super) enum Stage {
    /// A TCP socket that neither connects nor listens.
    Fresh,
    Listening(Listener),
    Stream(Box<Connection>),
    Datagram(Datagrams),
}

pub(super) struct Listener {
    pub(super) backlog: usize,
    /// Established connections that were not accepted.
    pub(super) queue: VecDeque<SockId>,
    /// Connections whose handshake has begun.
    pub(super) pending: usize,
}

impl Sock {
    pub(super) fn new(host: HostId, kind: Kind, is_ipv6: bool) -> Sock {
        Sock {
            host,
            kind,
            is_ipv6,
            local: None,
            state: match kind {
                Kind::Stream => Stage::Fresh,
                Kind::Datagram => Stage::Datagram(Datagrams::default()),
            },
            signal: None,
            error: None,
            options: BTreeMap::new(),
        }
    }

    /// Reports readiness to the reactor of the host.
    pub(super) fn raise(&self, readiness: Readiness) {
        if let Some(signal) = &self.signal {
            signal.raise(readiness);
        }
    }

    pub(super) fn raise_readable(&self) {
        self.raise(Readiness {
            readable: true,
            ..Readiness::default()
        });
    }

    pub(super) fn raise_writable(&self) {
        self.raise(Readiness {
            writable: true,
            ..Readiness::default()
        });
    }

    /// Returns what the socket is ready for.
    pub(super) fn readiness(&self) -> Readiness {
        let mut readiness = match &self.state {
            Stage::Fresh => Readiness::default(),
            Stage::Listening(listener) => Readiness {
                readable: !listener.queue.is_empty(),
                ..Readiness::default()
            },
            Stage::Stream(connection) => {
                connection.readiness(self.option("send_buffer_size") as usize)
            }
            Stage::Datagram(datagrams) => Readiness {
                readable: datagrams.has_some(),
                writable: true,
                ..Readiness::default()
            },
        };
        readiness.error |= self.error.is_some();
        readiness
    }

    /// Takes the pending error, as an error of the system.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take().map(io::Error::from)
    }

    pub(super) fn option(&self, name: &'static str) -> u64 {
        let default = match name {
            "ttl" => 64,
            "multicast_ttl_v4" | "multicast_loop_v4" | "multicast_loop_v6" => 1,
            "send_buffer_size" | "recv_buffer_size" if self.kind == Kind::Stream => BUFFER,
            "send_buffer_size" | "recv_buffer_size" => DATAGRAM_BUFFER,
            _ => 0,
        };
        self.options.get(name).copied().unwrap_or(default)
    }

    pub(super) fn set_option(&mut self, name: &'static str, value: u64) {
        let value = match name {
            // Linux doubles it, and has a least size.
            "send_buffer_size" => (value * 2).max(4608),
            "recv_buffer_size" => (value * 2).max(2304),
            _ => value,
        };
        self.options.insert(name, value);
    }

    /// Copies the options of a listener to a connection that it accepts.
    pub(super) fn inherit_options(&mut self, listener: &Sock) {
        self.options = listener.options.clone();
    }

    /// Whether closing resets the connection: `SO_LINGER` with a time of zero.
    pub(super) fn lingers_zero(&self) -> bool {
        // The time in seconds, plus one.
        self.option("linger") == 1
    }

    pub(super) fn unspecified(&self) -> IpAddr {
        match self.is_ipv6 {
            true => Ipv6Addr::UNSPECIFIED.into(),
            false => Ipv4Addr::UNSPECIFIED.into(),
        }
    }

    /// Returns the local address, as `getsockname` does.
    pub(super) fn local_addr(&self) -> SocketAddr {
        self.local
            .unwrap_or_else(|| SocketAddr::new(self.unspecified(), 0))
    }
}

/// Returns the connection of a socket, if it has one.
pub(super) fn connection(sock: &mut Sock) -> Option<&mut Connection> {
    match &mut sock.state {
        Stage::Stream(connection) => Some(connection),
        _ => None,
    }
}

#[derive(Default)]
pub(super) struct Sockets {
    all: Vec<Option<Box<Sock>>>,
    /// The streams, by host, local address and address of the peer.
    pub(super) streams: BTreeMap<(HostId, SocketAddr, SocketAddr), SockId>,
}

impl Sockets {
    pub(super) fn insert(&mut self, sock: Sock) -> SockId {
        self.all.push(Some(Box::new(sock)));
        self.all.len() - 1
    }

    pub(super) fn get(&self, id: SockId) -> Option<&Sock> {
        self.all.get(id)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: SockId) -> Option<&mut Sock> {
        self.all.get_mut(id)?.as_deref_mut()
    }

    /// Returns the numbers of the sockets of a host.
    pub(super) fn of_host(&self, host: HostId) -> Vec<SockId> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, sock)| sock.as_ref().is_some_and(|sock| sock.host == host))
            .map(|(id, _)| id)
            .collect()
    }

    /// Returns when a segment arrives that would arrive at `at`: not before the ones that its
    /// sender has sent earlier.
    pub(super) fn in_order(&mut self, segment: &Segment, at: u64) -> u64 {
        match self.get_mut(segment.sender) {
            Some(Sock {
                state: Stage::Stream(connection),
                ..
            }) => connection.in_order(at),
            // The socket is gone, or a reset was sent on behalf of none.
            _ => at,
        }
    }
}

impl State {
    pub(super) fn sock(&mut self, id: SockId) -> Option<&mut Sock> {
        self.sockets.get_mut(id)
    }

    /// Binds a socket. Port 0 chooses one.
    pub(super) fn bind(&mut self, id: SockId, addr: SocketAddr) -> Result<(), Errno> {
        let sock = self.sockets.get(id).ok_or(Errno::BADF)?;
        let (host, kind) = (sock.host, sock.kind);
        if sock.local.is_some() {
            return Err(Errno::INVAL);
        }
        if sock.is_ipv6 != addr.is_ipv6() {
            return Err(Errno::AFNOSUPPORT);
        }
        let node = &mut self.nodes[host];
        if !addr.ip().is_unspecified() && !node.has(addr.ip()) {
            return Err(Errno::ADDRNOTAVAIL);
        }
        let port = match addr.port() {
            0 => node.free_port(kind).ok_or(Errno::ADDRINUSE)?,
            port => port,
        };
        let sockets = &self.sockets;
        let shares = |name: &'static str, sock: &Sock| sock.option(name) != 0;
        let may_share = |other: SockId| {
            let Some(other) = sockets.get(other) else {
                return true;
            };
            let both = |name| shares(name, sock) && shares(name, other);
            // A connection of a listener that is gone, and two sockets that do not listen.
            let listens = matches!(other.state, Stage::Listening(_));
            both("reuseport") || both("reuseaddr") && !listens
        };
        if node.is_taken(kind, addr.ip(), port, may_share) {
            return Err(Errno::ADDRINUSE);
        }
        node.bind(kind, addr.ip(), port, id);
        let sock = self.sockets.get_mut(id).ok_or(Errno::BADF)?;
        sock.local = Some(SocketAddr::new(addr.ip(), port));
        Ok(())
    }

    /// Binds a socket that sends to `target`, if it is not bound, and returns the source address of
    /// its packets.
    pub(super) fn source(
        &mut self,
        id: SockId,
        target: SocketAddr,
        fix: bool,
    ) -> Result<SocketAddr, Errno> {
        let sock = self.sockets.get(id).ok_or(Errno::BADF)?;
        if sock.is_ipv6 != target.is_ipv6() {
            return Err(Errno::AFNOSUPPORT);
        }
        let host = sock.host;
        if self.route(host, target.ip()).is_none() {
            return Err(Errno::NETUNREACH);
        }
        if sock.local.is_none() {
            self.bind(id, SocketAddr::new(sock.unspecified(), 0))?;
        }
        let sock = self.sockets.get(id).ok_or(Errno::BADF)?;
        let local = sock.local_addr();
        if !local.ip().is_unspecified() {
            return Ok(local);
        }
        let ip = match (target.ip(), sock.is_ipv6) {
            (ip, _) if ip.is_loopback() || self.nodes[host].has(ip) => ip,
            (ip, false) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            (ip, true) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            (_, is_ipv6) => self.nodes[host].ips[usize::from(is_ipv6)],
        };
        let source = SocketAddr::new(ip, local.port());
        if fix {
            // A connected socket has the address of the interface, and its port only there.
            let kind = sock.kind;
            let node = &mut self.nodes[host];
            node.unbind(kind, source.port(), id);
            node.bind(kind, source.ip(), source.port(), id);
            if let Some(sock) = self.sockets.get_mut(id) {
                sock.local = Some(source);
            }
        }
        Ok(source)
    }

    /// Forgets a socket.
    pub(super) fn remove_sock(&mut self, id: SockId) {
        let Some(sock) = self.sockets.all.get_mut(id).and_then(Option::take) else {
            return;
        };
        if let Some(local) = sock.local {
            self.nodes[sock.host].unbind(sock.kind, local.port(), id);
            if let Stage::Stream(connection) = &sock.state {
                let key = (sock.host, local, connection.peer);
                if self.sockets.streams.get(&key) == Some(&id) {
                    self.sockets.streams.remove(&key);
                }
            }
        }
    }

    /// Closes a socket, as its last descriptor is closed.
    pub(super) fn close(&mut self, id: SockId) {
        let Some(sock) = self.sock(id) else { return };
        sock.signal = None;
        match &mut sock.state {
            Stage::Fresh | Stage::Datagram(_) => self.remove_sock(id),
            Stage::Listening(listener) => {
                let queue = std::mem::take(&mut listener.queue);
                self.remove_sock(id);
                for id in queue {
                    self.reset(id);
                }
            }
            Stage::Stream(_) => self.close_stream(id),
        }
    }

    /// Ends the life of a host's process: its system closes the sockets.
    pub(crate) fn kill(&mut self, host: HostId) {
        self.nodes[host].life += 1;
        for id in self.sockets.of_host(host) {
            self.close(id);
        }
    }
}

//! The network cases: which service runs, with how many connections.

use super::peers::Peer;
use super::server::Service;
use super::web::What;
use super::wire::{Exchange, http, kv};

/// A network case, which is one line of the comparison.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub service: Service,
    pub connections: usize,
    /// Connections that send requests; the others stay idle.
    pub active: usize,
    /// Size of a message, in bytes.
    pub size: usize,
    pub kind: Kind,
    /// Requests per second, in the cases of kind [`Kind::Open`].
    pub rate: u32,
}

/// How a case is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stream,
    /// Each sample is compared with a sample of plain echo by the same peer.
    AgainstEcho,
    Fanout,
    Accept,
    Udp,
    /// HTTP/1 by `wrk`.
    Wrk,
    /// HTTP/2 by `h2load`.
    H2load,
    /// An open loop: requests are sent at a fixed rate, see `load/open.rs`.
    Open,
    /// Memory of an idle connection, in bytes.
    Memory,
}

/// Default rate of the open loop, in requests per second. With messages of 64 bytes this is about
/// 30 % of the echoes that one core can serve.
pub const OPEN_RATE: u32 = 40_000;

/// Number of commands that a `kv` client sends at once.
const PIPELINE: usize = 16;

/// Size of the buffers of the HTTP server and of `kv`.
pub const HTTP_BUFFER: usize = 8192;

impl Case {
    fn new(name: impl Into<String>, service: Service, connections: usize) -> Case {
        Case {
            name: name.into(),
            service,
            connections,
            active: connections,
            size: 64,
            kind: Kind::Stream,
            rate: OPEN_RATE,
        }
    }

    fn kind(mut self, kind: Kind) -> Case {
        self.kind = kind;
        self
    }

    /// Whether the peer implements the service of this case.
    pub fn has(&self, peer: Peer) -> bool {
        match peer {
            _ if matches!(self.service, Service::Web(_)) => {
                matches!(peer, Peer::Wakeful | Peer::Tokio)
            }
            Peer::Epoll => !matches!(
                self.service,
                Service::Timed | Service::Beside | Service::EchoTwo | Service::KvTwo
            ),
            Peer::EpollShared => self.service == Service::Echo,
            Peer::WakefulGuest | Peer::Monoio | Peer::MonoioLegacy | Peer::Compio
                if self.service == Service::Beside =>
            {
                false
            }
            Peer::Wakeful | Peer::Tokio | Peer::Monoio => true,
            _ => !matches!(self.service, Service::EchoTwo | Service::KvTwo),
        }
    }

    /// Returns the size of the server's buffer. It is larger than a message, so a read that does
    /// not fill it has read everything.
    pub fn buffer(&self) -> usize {
        match self.service {
            Service::Kv | Service::KvTwo | Service::Http => HTTP_BUFFER,
            _ => (2 * self.size).max(1024),
        }
    }

    pub fn exchange(&self) -> Exchange {
        match self.service {
            Service::Kv | Service::KvTwo => kv::exchange(PIPELINE),
            Service::Http => http::exchange(),
            _ => Exchange::echo(self.size),
        }
    }
}

pub fn echo(connections: usize, size: usize) -> Case {
    let text = match size {
        0..1024 => format!("{size} B"),
        _ => format!("{} KiB", size / 1024),
    };
    let case = Case::new(
        format!("echo/{connections} x {text}"),
        Service::Echo,
        connections,
    );
    Case { size, ..case }
}

pub fn kv() -> Case {
    Case::new("kv/50 x 16 commands", Service::Kv, 50)
}

/// Returns an echo case with a server on two cores.
pub fn echo_two(connections: usize, size: usize) -> Case {
    Case {
        name: format!("echo on two cores/{connections} x {size} B"),
        service: Service::EchoTwo,
        ..echo(connections, size)
    }
}

/// Returns a `kv` case with a server on two cores.
pub fn kv_two() -> Case {
    Case::new("kv on two cores/50 x 16 commands", Service::KvTwo, 50)
}

/// Returns the HTTP case. The load is `wrk`, or without `wrk` the load of the other cases.
pub fn http(wrk: bool) -> Case {
    let case = Case::new("http/64", Service::Http, 64);
    if wrk { case.kind(Kind::Wrk) } else { case }
}

/// Returns the case of a server whose load is `wrk`.
pub fn web(what: What) -> Case {
    let service = Service::Web(what);
    let name = format!("{}/64", service.name());
    Case::new(name, service, 64).kind(Kind::Wrk)
}

/// Returns the case of a server whose load is `h2load`.
pub fn web_h2(what: What) -> Case {
    let service = Service::Web(what);
    let name = format!("{} by HTTP 2/8 x 8", service.name());
    Case::new(name, service, 8).kind(Kind::H2load)
}

pub fn timed(connections: usize) -> Case {
    let name = format!("timeout/{connections} x 64 B");
    Case::new(name, Service::Timed, connections).kind(Kind::AgainstEcho)
}

/// Returns an echo case at a fixed rate. If `beside` is true, the server also runs a task that
/// computes and yields.
pub fn open(beside: bool) -> Case {
    let (name, service) = match beside {
        true => ("open loop beside a batch/64 x 64 B", Service::Beside),
        false => ("open loop/64 x 64 B", Service::Echo),
    };
    Case::new(name, service, 64).kind(Kind::Open)
}

pub fn accept() -> Case {
    Case::new("accept and close", Service::Accept, 16).kind(Kind::Accept)
}

pub fn udp() -> Case {
    Case::new("udp/8 x 64 B", Service::Udp, 8).kind(Kind::Udp)
}

pub fn chat() -> Case {
    Case::new("chat/1 to 500", Service::Chat, 500).kind(Kind::Fanout)
}

/// Returns a case with ten active connections among `connections` open ones.
pub fn among(connections: usize) -> Case {
    let case = Case::new(
        format!("scale/10 of {connections}"),
        Service::Echo,
        connections,
    );
    Case { active: 10, ..case }
}

pub fn idle() -> Case {
    Case::new("idle connection", Service::Echo, 10_000).kind(Kind::Memory)
}

/// Returns all network cases.
pub fn all(wrk: bool) -> Vec<Case> {
    let sizes = [64, 1024, 65_536].into_iter();
    let mut cases: Vec<Case> = sizes
        .flat_map(|size| [1, 8, 64, 1000].map(|connections| echo(connections, size)))
        .collect();
    cases.extend([kv(), http(wrk), echo_two(64, 64), kv_two()]);
    cases.extend([8, 64, 1000].map(timed));
    cases.extend([open(true), open(false)]);
    cases.extend([accept(), udp(), chat()]);
    cases.extend([10, 100, 1000, 10_000].map(among));
    cases.push(idle());
    cases
}

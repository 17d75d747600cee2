//! The network cases: what is served, to how many.

use super::peers::Peer;
use super::server::Service;
use super::wire::{Exchange, http, kv};

/// One line of the comparison.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub service: Service,
    pub connections: usize,
    /// Those that talk.
    pub active: usize,
    /// Of a message, in bytes.
    pub size: usize,
    pub kind: Kind,
}

/// How it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stream,
    /// Each sample beside one of plain echo, by the same peer.
    AgainstEcho,
    Fanout,
    Accept,
    Udp,
    Wrk,
    /// Bytes of an idle connection.
    Memory,
}

/// Commands that a `kv` client sends at once.
const PIPELINE: usize = 16;

impl Case {
    fn new(name: impl Into<String>, service: Service, connections: usize) -> Case {
        Case {
            name: name.into(),
            service,
            connections,
            active: connections,
            size: 64,
            kind: Kind::Stream,
        }
    }

    fn kind(mut self, kind: Kind) -> Case {
        self.kind = kind;
        self
    }

    /// Those that have the service.
    pub fn has(&self, peer: Peer) -> bool {
        match peer {
            Peer::Epoll => self.service != Service::Timed,
            Peer::EpollShared => self.service == Service::Echo,
            _ => true,
        }
    }

    /// The server's buffer: more than a message, so that a short read shows that all was read.
    pub fn buffer(&self) -> usize {
        match self.service {
            Service::Kv | Service::Http => 8192,
            _ => (2 * self.size).max(1024),
        }
    }

    pub fn exchange(&self) -> Exchange {
        match self.service {
            Service::Kv => kv::exchange(PIPELINE),
            Service::Http => http::exchange(),
            _ => Exchange::echo(self.size),
        }
    }
}

/// All of them. Without `wrk` the HTTP case is driven by the load of the other cases.
pub fn all(wrk: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for (size, text) in [(64, "64 B"), (1024, "1 KiB"), (65536, "64 KiB")] {
        for connections in [1, 8, 64, 1000] {
            let name = format!("echo/{connections} x {text}");
            let case = Case::new(name, Service::Echo, connections);
            cases.push(Case { size, ..case });
        }
    }
    cases.push(Case::new("kv/50 x 16 commands", Service::Kv, 50));
    let http = Case::new("http/64", Service::Http, 64);
    cases.push(if wrk { http.kind(Kind::Wrk) } else { http });
    for connections in [8, 64, 1000] {
        let name = format!("timeout/{connections} x 64 B");
        cases.push(Case::new(name, Service::Timed, connections).kind(Kind::AgainstEcho));
    }
    cases.push(Case::new("accept and close", Service::Accept, 16).kind(Kind::Accept));
    cases.push(Case::new("udp/8 x 64 B", Service::Udp, 8).kind(Kind::Udp));
    cases.push(Case::new("chat/1 to 500", Service::Chat, 500).kind(Kind::Fanout));
    for connections in [10, 100, 1000, 10_000] {
        let case = Case::new(
            format!("scale/10 of {connections}"),
            Service::Echo,
            connections,
        );
        cases.push(Case { active: 10, ..case });
    }
    cases.push(Case::new("idle connection", Service::Echo, 10_000).kind(Kind::Memory));
    cases
}

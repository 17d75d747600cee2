//! A host as the network sees it: its name, its addresses and its ports.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use wakeful_net::sim::Kind;

use super::{HostId, SockId};

/// First of the ports that a host chooses itself.
const FIRST_EPHEMERAL: u16 = 49_152;

pub(super) struct Node {
    pub(super) name: Rc<str>,
    /// IPv4 and IPv6.
    pub(super) ips: [IpAddr; 2],
    /// Number of crashes and restarts: sockets of an earlier life are dead.
    pub(super) life: u32,
    /// The sockets that are bound to each port.
    ports: BTreeMap<(bool, u16), Vec<(IpAddr, SockId)>>,
    next_port: u16,
}

impl Node {
    pub(super) fn new(name: &str, id: HostId) -> Node {
        // 10.0.0.1 is the first host, fd00::1 its IPv6 address.
        let number = id as u32 + 1;
        let [_, a, b, c] = number.to_be_bytes();
        let v6 = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, (number >> 16) as u16, number as u16);
        Node {
            name: name.into(),
            ips: [IpAddr::V4(Ipv4Addr::new(10, a, b, c)), IpAddr::V6(v6)],
            life: 0,
            ports: BTreeMap::new(),
            next_port: FIRST_EPHEMERAL,
        }
    }

    /// Whether the host has this address.
    pub(super) fn has(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.ips.contains(&ip)
    }

    /// Whether a socket can't be bound to the address and port beside the others. `may_share`: of
    /// another socket, whether both allow it.
    pub(super) fn is_taken(
        &self,
        kind: Kind,
        ip: IpAddr,
        port: u16,
        may_share: impl Fn(SockId) -> bool,
    ) -> bool {
        let key = (kind == Kind::Stream, port);
        let bound = self.ports.get(&key).map_or(&[][..], Vec::as_slice);
        bound.iter().any(|&(other, id)| {
            let same_family = other.is_ipv4() == ip.is_ipv4();
            let overlaps = other == ip || other.is_unspecified() || ip.is_unspecified();
            same_family && overlaps && !may_share(id)
        })
    }

    /// Returns a port that no socket of the kind is bound to.
    pub(super) fn free_port(&mut self, kind: Kind) -> Option<u16> {
        for _ in FIRST_EPHEMERAL..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_EPHEMERAL);
            if !self.ports.contains_key(&(kind == Kind::Stream, port)) {
                return Some(port);
            }
        }
        None
    }

    pub(super) fn bind(&mut self, kind: Kind, ip: IpAddr, port: u16, id: SockId) {
        let key = (kind == Kind::Stream, port);
        self.ports.entry(key).or_default().push((ip, id));
    }

    pub(super) fn unbind(&mut self, kind: Kind, port: u16, id: SockId) {
        let key = (kind == Kind::Stream, port);
        if let Some(bound) = self.ports.get_mut(&key) {
            bound.retain(|(_, other)| *other != id);
            if bound.is_empty() {
                self.ports.remove(&key);
            }
        }
    }

    /// Returns the sockets that a packet to this address may be for, those that are bound to just
    /// this address first.
    pub(super) fn bound_to(&self, kind: Kind, ip: IpAddr, port: u16) -> Vec<SockId> {
        let key = (kind == Kind::Stream, port);
        let bound = self.ports.get(&key).map_or(&[][..], Vec::as_slice);
        let exact = bound.iter().filter(|(other, _)| *other == ip);
        let any = bound
            .iter()
            .filter(|(other, _)| other.is_unspecified() && other.is_ipv4() == ip.is_ipv4());
        exact.chain(any).map(|(_, id)| *id).collect()
    }
}

/// Returns the number of the host that has this address.
pub(super) fn host_of(ip: IpAddr) -> Option<HostId> {
    let number = match ip {
        IpAddr::V4(ip) => match ip.octets() {
            [10, a, b, c] => u32::from_be_bytes([0, a, b, c]),
            _ => return None,
        },
        IpAddr::V6(ip) => match ip.segments() {
            [0xfd00, 0, 0, 0, 0, 0, a, b] => u32::from(a) << 16 | u32::from(b),
            _ => return None,
        },
    };
    (number as usize).checked_sub(1)
}

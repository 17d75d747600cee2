//! What `wakeful_net` sees of a host and of its sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use rustix::io::Errno;
use wakeful_net::sim::{Endpoint, Host, Kind, Signal};

use super::socket::{Sock, Stage};
use super::{HostId, Network, SockId, State};

/// One life of a host: from its start to its end or crash.
#[derive(Clone)]
pub(crate) struct Machine {
    network: Rc<Network>,
    host: HostId,
    life: u32,
}

impl Machine {
    /// Returns the present life of a host.
    pub(crate) fn new(network: Rc<Network>, host: HostId) -> Machine {
        let life = network.state.borrow().nodes[host].life;
        Machine {
            network,
            host,
            life,
        }
    }

    /// Calls `f`, unless the host has ended: what it owned is dropped then.
    fn alive<R>(&self, f: impl FnOnce(&mut State) -> io::Result<R>) -> io::Result<R> {
        self.network.with(|state| {
            if state.nodes[self.host].life != self.life {
                return Err(io::Error::other("this simulated host has crashed or ended"));
            }
            f(state)
        })
    }

    fn endpoint(&self, id: SockId) -> Box<dyn Endpoint> {
        Box::new(Simulated {
            machine: self.clone(),
            id,
        })
    }
}

impl Host for Machine {
    fn socket(&self, kind: Kind, is_ipv6: bool) -> io::Result<Box<dyn Endpoint>> {
        self.alive(|state| {
            let id = state.sockets.insert(Sock::new(self.host, kind, is_ipv6));
            Ok(self.endpoint(id))
        })
    }

    fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.alive(|state| {
            if name == "localhost" {
                return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
            }
            match state.names.get(name) {
                Some(&host) => Ok(vec![state.nodes[host].ips[0]]),
                None => {
                    let known: Vec<&str> = state.names.keys().map(String::as_str).collect();
                    Err(io::Error::new(
                        io::ErrorKind::NotFound,
                        format!(
                            "no host of the simulation has this name; there are {}",
                            known.join(", ")
                        ),
                    ))
                }
            }
        })
    }
}

/// The descriptor of a simulated socket.
struct Simulated {
    machine: Machine,
    id: SockId,
}

// Of user code only the rules run here, with nothing borrowed, and their panics are caught.
impl UnwindSafe for Simulated {}
impl RefUnwindSafe for Simulated {}

impl Simulated {
    /// Calls `f`, unless the host has ended.
    fn with<R>(&self, f: impl FnOnce(&mut State, SockId) -> Result<R, Errno>) -> io::Result<R> {
        self.machine
            .alive(|state| f(state, self.id).map_err(io::Error::from))
    }

    fn is_stream(&self, state: &State) -> bool {
        let sock = state.sockets.get(self.id);
        sock.is_some_and(|sock| sock.kind == Kind::Stream)
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        // An error means that the host has ended: its system has closed the socket.
        let _ = self.with(|state, id| {
            state.close(id);
            Ok(())
        });
    }
}

impl Endpoint for Simulated {
    fn register(&self, signal: Signal) {
        let _ = self.with(|state, id| {
            if let Some(sock) = state.sock(id) {
                // As epoll, which reports what a descriptor is ready for when it is added.
                signal.raise(sock.readiness());
                sock.signal = Some(signal);
            }
            Ok(())
        });
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.with(|state, id| state.bind(id, addr))
    }

    fn listen(&self, backlog: u32) -> io::Result<()> {
        self.with(|state, id| state.listen(id, backlog))
    }

    fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        self.with(|state, id| match self.is_stream(state) {
            true => state.connect_stream(id, addr),
            false => state.connect_datagram(id, addr),
        })
    }

    fn accept(&self) -> io::Result<(Box<dyn Endpoint>, SocketAddr)> {
        let (id, addr) = self.with(|state, id| state.accept(id))?;
        Ok((self.machine.endpoint(id), addr))
    }

    fn read(&self, buf: &mut [u8], peek: bool) -> io::Result<usize> {
        self.with(|state, id| state.read(id, buf, peek))
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.with(|state, id| state.write(id, buf))
    }

    fn receive(&self, buf: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)> {
        self.with(|state, id| state.receive_datagram(id, buf, peek))
    }

    fn send(&self, buf: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        self.with(|state, id| state.send_datagram(id, buf, to))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.with(|state, id| state.shutdown(id, how))
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.with(|state, id| Ok(state.sock(id).ok_or(Errno::BADF)?.take_error()))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.with(|state, id| Ok(state.sock(id).ok_or(Errno::BADF)?.local_addr()))
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.with(
            |state, id| match &state.sock(id).ok_or(Errno::BADF)?.state {
                Stage::Datagram(datagrams) => datagrams.peer.ok_or(Errno::NOTCONN),
                _ => state.stream_peer(id),
            },
        )
    }

    fn option(&self, name: &'static str) -> io::Result<u64> {
        self.with(|state, id| Ok(state.sock(id).ok_or(Errno::BADF)?.option(name)))
    }

    fn set_option(&self, name: &'static str, value: u64) -> io::Result<()> {
        self.with(|state, id| {
            state.sock(id).ok_or(Errno::BADF)?.set_option(name, value);
            Ok(())
        })
    }
}

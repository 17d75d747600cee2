//! Measures one peer in one case: a server and its load run for slices of time.
//!
//! The servers of all peers of a case are open at the same time and get short slices in turn, so
//! that other load on the machine affects all of them alike.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::cases::{Case, Kind};
use super::child::Server;
use super::load::{self, Latencies, Load, accept, fanout, h2load, open, stream, udp, wrk};
use super::machine::{self, processor_time};
use super::peers::Peer;
use super::server::Service;
use super::syscalls::{Counter, Tool};
use super::web::{self, Page, What};
use super::wire::http;

/// The result of one peer in one slice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    pub requests: u64,
    pub elapsed: Duration,
    /// The processor time of the server.
    pub processor: Duration,
}

impl Sample {
    pub fn add(&mut self, other: Sample) {
        self.requests += other.requests;
        self.elapsed += other.elapsed;
        self.processor += other.processor;
    }

    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the server's processor time for each request, in nanoseconds.
    pub fn cost(&self) -> f64 {
        self.processor.as_nanos() as f64 / self.requests.max(1) as f64
    }
}

/// Long enough for the server to fall asleep, which updates its processor time.
const SETTLE: Duration = Duration::from_millis(3);

/// A server with its load, connected and warm.
pub struct Bout {
    server: Server,
    load: Box<dyn Load>,
    pub latencies: Latencies,
}

impl Bout {
    pub fn open(case: &Case, peer: Peer) -> io::Result<Bout> {
        machine::check_connections(case.connections)?;
        let server = Server::start(peer, case.service, case.buffer())?;
        let load = connect(case, server.address)?;
        let latencies = load::latencies();
        Ok(Bout {
            server,
            load,
            latencies,
        })
    }

    /// Runs without measuring.
    pub fn warm(&mut self, time: Duration) -> io::Result<()> {
        self.load.run(time, &mut load::latencies()).map(drop)
    }

    pub fn slice(&mut self, time: Duration) -> io::Result<Sample> {
        let pid = self.server.pid();
        let before = processor_time(pid)?;
        let begin = Instant::now();
        let requests = self.load.run(time, &mut self.latencies)?;
        let elapsed = begin.elapsed();
        std::thread::sleep(SETTLE);
        Ok(Sample {
            requests,
            elapsed,
            processor: processor_time(pid)? - before,
        })
    }

    /// Returns the system calls for each request, measured in a separate slice.
    pub fn syscalls(&mut self, time: Duration, tool: Tool) -> io::Result<f64> {
        let counter = Counter::attach(tool, self.server.pid())?;
        let requests = self.load.run(time, &mut load::latencies())?;
        std::thread::sleep(SETTLE);
        Ok(counter.stop()? as f64 / requests.max(1) as f64)
    }
}

fn connect(case: &Case, address: SocketAddr) -> io::Result<Box<dyn Load>> {
    Ok(match case.kind {
        Kind::Fanout => Box::new(fanout::Fanout::connect(
            address,
            case.connections,
            case.size,
        )?),
        Kind::Accept => Box::new(accept::Connects::new(address)?),
        Kind::Open => Box::new(open::Open::connect(
            address,
            case.connections,
            case.rate,
            case.exchange(),
        )?),
        Kind::Udp => Box::new(udp::Datagrams::connect(address, case.size)?),
        Kind::Wrk => {
            let Page { path, body } = page(case);
            Box::new(wrk::Wrk::new(address, case.connections, path, body)?)
        }
        Kind::H2load => {
            let grpc = case.service == Service::Web(What::Tonic);
            if let Service::Web(what) = case.service {
                web::check(what, address)?;
            }
            let path = page(case).path;
            Box::new(h2load::H2load::new(address, case.connections, path, grpc)?)
        }
        Kind::Stream | Kind::AgainstEcho | Kind::Memory => Box::new(streams(case, address)?),
    })
}

fn page(case: &Case) -> Page {
    match case.service {
        Service::Web(what) => what.page(),
        _ => Page {
            path: "/",
            body: http::BODY,
        },
    }
}

fn streams(case: &Case, address: SocketAddr) -> io::Result<stream::Streams> {
    stream::Streams::connect(address, case.connections, case.active, case.exchange())
}

/// Returns the plain echo case with which a case with deadlines is compared.
pub fn plain(case: &Case) -> Case {
    Case {
        service: Service::Echo,
        kind: Kind::Stream,
        ..case.clone()
    }
}

/// The memory of an idle connection, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub all: f64,
    /// The part that the program uses itself: the future of the task and the buffer.
    pub of_user: f64,
}

/// Returns the memory in use with all connections minus that with a few, divided by the difference
/// of the two numbers of connections.
pub fn memory(case: &Case, peer: Peer) -> io::Result<Bytes> {
    const FEW: usize = 16;
    machine::check_connections(case.connections)?;
    let mut server = Server::start_for_memory(peer, case.service, case.buffer())?;
    let few = Case {
        connections: FEW,
        active: 0,
        ..case.clone()
    };
    let rest = Case {
        connections: case.connections - FEW,
        ..few.clone()
    };
    let _few = streams(&few, server.address)?;
    let before = server.memory()?;
    let _rest = streams(&rest, server.address)?;
    let after = server.memory()?;
    let in_use = after.in_use - before.in_use;
    let buffer = match peer {
        Peer::EpollShared => 0,
        _ => case.buffer(),
    };
    Ok(Bytes {
        all: in_use as f64 / rest.connections as f64,
        of_user: (after.future as usize + buffer) as f64,
    })
}

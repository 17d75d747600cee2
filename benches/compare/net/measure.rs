//! One sample: a fresh server, a warm-up, the measured part.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::cases::{Case, Kind};
use super::child::Server;
use super::load::{self, Load, accept, fanout, stream, udp, wrk};
use super::machine::processor_time;
use super::peers::Peer;
use super::server::Service;
use super::syscalls::{Counter, Tool};

/// What one peer did in one run of one case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    pub requests: u64,
    pub elapsed: Duration,
    /// The server's processor time.
    pub processor: Duration,
    /// Latencies in nanoseconds; `wrk` doesn't tell the last.
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    /// Processor time a request of plain echo just before, if the case compares with it.
    pub echo: Option<f64>,
    /// Bytes of an idle connection: all, and what is the user's future and buffer.
    pub bytes: Option<(f64, f64)>,
}

impl Sample {
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Nanoseconds of the server's processor time a request.
    pub fn cost(&self) -> f64 {
        self.processor.as_nanos() as f64 / self.requests.max(1) as f64
    }
}

/// How long the parts of a sample take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub warm: Duration,
    pub measured: Duration,
}

/// Long enough for the server to fall asleep, which settles its processor time.
const SETTLE: Duration = Duration::from_millis(5);

pub fn sample(case: &Case, peer: Peer, times: Times) -> io::Result<Sample> {
    match case.kind {
        Kind::Memory => memory(case, peer),
        Kind::Wrk => by_wrk(case, peer, times),
        Kind::AgainstEcho => {
            let plain = Case {
                service: Service::Echo,
                kind: Kind::Stream,
                ..case.clone()
            };
            let echo = by_load(&plain, peer, times)?.cost();
            let sample = by_load(case, peer, times)?;
            Ok(Sample {
                echo: Some(echo),
                ..sample
            })
        }
        _ => by_load(case, peer, times),
    }
}

/// Syscalls a request, in a run of its own.
pub fn syscalls(case: &Case, peer: Peer, times: Times, tool: Tool) -> io::Result<Option<f64>> {
    if matches!(case.kind, Kind::Memory | Kind::Wrk) {
        return Ok(None);
    }
    let server = Server::start(peer, case.service, case.buffer())?;
    let mut load = connect(case, server.address)?;
    let mut latencies = load::latencies();
    load.run(times.warm, &mut latencies)?;
    let counter = Counter::attach(tool, server.pid())?;
    let requests = load.run(times.measured, &mut latencies)?;
    std::thread::sleep(SETTLE);
    Ok(Some(counter.stop()? as f64 / requests.max(1) as f64))
}

fn connect(case: &Case, address: SocketAddr) -> io::Result<Box<dyn Load>> {
    Ok(match case.kind {
        Kind::Fanout => Box::new(fanout::Fanout::connect(
            address,
            case.connections,
            case.size,
        )?),
        Kind::Accept => Box::new(accept::Connects::new(address)?),
        Kind::Udp => Box::new(udp::Datagrams::connect(address, case.size)?),
        _ => Box::new(streams(case, address)?),
    })
}

fn streams(case: &Case, address: SocketAddr) -> io::Result<stream::Streams> {
    stream::Streams::connect(address, case.connections, case.active, case.exchange())
}

fn by_load(case: &Case, peer: Peer, times: Times) -> io::Result<Sample> {
    let server = Server::start(peer, case.service, case.buffer())?;
    let mut load = connect(case, server.address)?;
    load.run(times.warm, &mut load::latencies())?;
    std::thread::sleep(SETTLE);
    let mut latencies = load::latencies();
    let before = processor_time(server.pid())?;
    let begin = Instant::now();
    let requests = load.run(times.measured, &mut latencies)?;
    let elapsed = begin.elapsed();
    std::thread::sleep(SETTLE);
    let processor = processor_time(server.pid())? - before;
    Ok(Sample {
        requests,
        elapsed,
        processor,
        p50: latencies.value_at_quantile(0.5),
        p99: latencies.value_at_quantile(0.99),
        p999: latencies.value_at_quantile(0.999),
        ..Sample::default()
    })
}

fn by_wrk(case: &Case, peer: Peer, times: Times) -> io::Result<Sample> {
    let server = Server::start(peer, case.service, case.buffer())?;
    // One answer, compared byte by byte: wrk looks at none.
    drop(stream::greet(server.address, &case.exchange())?);
    let before = processor_time(server.pid())?;
    let told = wrk::run(server.address, case.connections, times.measured)?;
    std::thread::sleep(SETTLE);
    Ok(Sample {
        requests: told.requests,
        elapsed: told.elapsed,
        processor: processor_time(server.pid())? - before,
        p50: told.p50,
        p99: told.p99,
        ..Sample::default()
    })
}

/// Memory in use with all connections, less that with a few, for each connection between.
fn memory(case: &Case, peer: Peer) -> io::Result<Sample> {
    const FEW: usize = 16;
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
    let bytes = (after.in_use as f64 - before.in_use as f64) / rest.connections as f64;
    let buffer = if peer == Peer::Epoll {
        0
    } else {
        case.buffer()
    };
    Ok(Sample {
        bytes: Some((bytes, after.future as f64 + buffer as f64)),
        ..Sample::default()
    })
}

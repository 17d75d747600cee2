//! The servers: each is a child process, pinned to its core, with one service and one peer.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::ExitCode;

use rustix::process::{Signal, set_parent_process_death_signal};
use socket2::{Domain, Socket, Type};

use super::machine;
use super::peers::{Peer, Result};
use super::web::{self, What};
use super::wire::{http::Http, kv::Kv};

mod accept;
mod beside;
mod chat;
mod echo;
mod idle;
mod limit;
mod pipelined;
mod timed;
mod two;
mod udp;

/// The service of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Echo,
    /// Echo with a deadline for each request.
    Timed,
    /// Echo beside a task that computes and yields.
    Beside,
    Kv,
    Http,
    Accept,
    Chat,
    Udp,
    /// On two cores.
    EchoTwo,
    KvTwo,
    Web(What),
}

impl Service {
    const ALL: [Service; 13] = [
        Service::Echo,
        Service::Timed,
        Service::Beside,
        Service::Kv,
        Service::Http,
        Service::Accept,
        Service::Chat,
        Service::Udp,
        Service::EchoTwo,
        Service::KvTwo,
        Service::Web(What::Hyper),
        Service::Web(What::Axum),
        Service::Web(What::Tonic),
    ];

    pub fn name(self) -> &'static str {
        match self {
            Service::Echo => "echo",
            Service::Timed => "timed",
            Service::Beside => "beside",
            Service::Kv => "kv",
            Service::Http => "http",
            Service::Accept => "accept",
            Service::Chat => "chat",
            Service::Udp => "udp",
            Service::EchoTwo => "echo-two",
            Service::KvTwo => "kv-two",
            Service::Web(What::Hyper) => "hyper",
            Service::Web(What::Axum) => "axum",
            Service::Web(What::Tonic) => "tonic",
        }
    }
}

/// The first argument that makes this process a server.
pub const FLAG: &str = "--server";

/// Runs the server that the arguments name: `PEER SERVICE BUFFER`.
pub fn main(args: &[String]) -> ExitCode {
    let [peer, service, size] = args else {
        eprintln!("usage: {FLAG} PEER SERVICE BUFFER");
        return ExitCode::FAILURE;
    };
    match serve(peer, service, size) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server {peer} {service} {size}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(peer: &str, service: &str, size: &str) -> Result {
    // The servers are killed when the driver ends, for any reason.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("unknown {what}"));
    let peer = Peer::from_name(peer).ok_or_else(|| bad("peer"))?;
    let service = Service::ALL.into_iter().find(|s| s.name() == service);
    let service = service.ok_or_else(|| bad("service"))?;
    let size: usize = size.parse().map_err(|_| bad("buffer size"))?;
    machine::raise_files()?;
    match service {
        Service::EchoTwo => return two::serve(peer, two::What::Echo, size),
        Service::KvTwo => return two::serve(peer, two::What::Kv(Kv::default()), size),
        _ => machine::pin(machine::SERVER_CORE),
    }
    if service == Service::Udp {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        announce(socket.local_addr()?)?;
        return udp::serve(peer, socket, size);
    }
    let listener = listen()?;
    announce(listener.local_addr()?)?;
    match service {
        Service::Echo => echo::serve(peer, listener, size),
        Service::Timed => timed::serve(peer, listener, size),
        Service::Beside => beside::serve(peer, listener, size),
        Service::Kv => pipelined::serve(peer, listener, size, Kv::default()),
        Service::Http => pipelined::serve(peer, listener, size, Http),
        Service::Accept => accept::serve(peer, listener),
        Service::Chat => chat::serve(peer, listener, size),
        Service::Web(what) => web::serve(peer, listener, what),
        Service::Udp | Service::EchoTwo | Service::KvTwo => unreachable!("served above"),
    }
}

/// Returns a listener. One of std has a backlog of 128 connections, too few for some cases.
fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()?;
    if std::env::var_os(ASK_MEMORY).is_some() {
        std::thread::spawn(idle::answer);
    }
    Ok(())
}

/// Environment variable. If it is set, the server starts a thread that answers queries about its
/// memory.
pub const ASK_MEMORY: &str = "WAKEFUL_BENCH_MEMORY";

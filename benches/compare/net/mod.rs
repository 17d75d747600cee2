//! The network half: a server process on one core, the load on the other.
//!
//! `compare` runs these cases as it runs the others. `compare net` looks closer at one of them: the
//! peers' servers are open at the same time and take turns in short slices, so the ratios are
//! steadier on a busy machine. `compare --server` is a server.

use std::process::ExitCode;

use crate::case::Peer as Runtime;

mod cases;
mod child;
mod closely;
mod load;
mod machine;
mod measure;
mod peers;
mod run;
mod server;
mod suite;
mod syscalls;
mod wire;

pub use suite::CASES;

/// Does what the arguments ask of this half alone, if they do.
pub fn if_asked() -> Option<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first()?.as_str() {
        server::FLAG => Some(server::main(&args[1..])),
        "net" => Some(closely::main(&args[1..])),
        _ => None,
    }
}

/// The peer of the other half's name, if it has a network.
fn peer_of(runtime: Runtime) -> Option<peers::Peer> {
    match runtime {
        Runtime::Wakeful => Some(peers::Peer::Wakeful),
        Runtime::Tokio => Some(peers::Peer::Tokio),
        Runtime::TokioLocal => Some(peers::Peer::TokioLocal),
        Runtime::Smol => Some(peers::Peer::Smol),
        Runtime::SmolStatic => None,
        Runtime::Monoio => Some(peers::Peer::Monoio),
        Runtime::Compio => Some(peers::Peer::Compio),
        Runtime::Epoll => Some(peers::Peer::Epoll),
    }
}

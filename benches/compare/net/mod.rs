//! Network cases: a server process on one core, and the load on the other.
//!
//! `compare` runs these cases in the same way as the others. `compare net` measures network cases
//! more precisely: the servers of all peers are open at the same time and are measured in turn, in
//! short slices, so the ratios vary less on a busy machine. `compare --server` runs a server.

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
mod web;
mod web_suite;
mod wire;

pub use suite::{CASES, NETWORK};
pub use web::{OPTIONS, PACKAGES};
pub use web_suite::{CASES as WEB_CASES, WEB};

/// Runs `compare net` or `compare --server`. Returns `None` if the arguments ask for neither.
pub fn if_asked() -> Option<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first()?.as_str() {
        server::FLAG => Some(server::main(&args[1..])),
        "net" => Some(closely::main(&args[1..])),
        _ => None,
    }
}

/// Returns the network peer of a runtime, if the runtime has one.
fn peer_of(runtime: Runtime) -> Option<peers::Peer> {
    match runtime {
        Runtime::Wakeful => Some(peers::Peer::Wakeful),
        Runtime::WakefulGuest => Some(peers::Peer::WakefulGuest),
        Runtime::Tokio => Some(peers::Peer::Tokio),
        Runtime::TokioLocal => Some(peers::Peer::TokioLocal),
        Runtime::Smol => Some(peers::Peer::Smol),
        Runtime::Monoio => Some(peers::Peer::Monoio),
        Runtime::Compio => Some(peers::Peer::Compio),
        Runtime::Epoll => Some(peers::Peer::Epoll),
        _ => None,
    }
}

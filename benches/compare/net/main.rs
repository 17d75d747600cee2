//! The network half of the comparison alone: `cargo run --release -p wakeful-benches --bin net`.

use std::process::ExitCode;

#[path = "mod.rs"]
mod net;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = net::server::if_asked(&args) {
        return code;
    }
    net::alone::main(&args)
}

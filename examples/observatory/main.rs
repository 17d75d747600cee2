//! A server whose own tasks, wakes and reactor are shown live on a page:
//!
//! ```text
//! cd examples/observatory && cargo run --release --example observatory
//! curl http://127.0.0.1:7070/slow?ms=500
//! ```
//!
//! Open <http://127.0.0.1:7070/> in a browser: requests, made on the page or with `curl`, appear
//! as they happen. It listens on loopback only, and answers no page but its own.

use std::process;

use wakeful_observatory::{Args, listen_on_loopback, runtime, serve};

const USAGE: &str = "\
usage: observatory [ADDRESS]

Serves a page at http://ADDRESS/ (127.0.0.1:7070) that shows the running server itself. ADDRESS must
be one of loopback, such as 127.0.0.1:0, [::1]:7070 or localhost:7070.";

fn main() {
    let mut args = Args::from_env(USAGE);
    let address = args.address("ADDRESS", "127.0.0.1:7070");
    args.finish();
    let runtime = runtime().unwrap_or_else(|error| {
        eprintln!("cannot create a runtime: {error}");
        process::exit(1)
    });
    runtime.block_on(async {
        let listener = listen_on_loopback(&address).await.unwrap_or_else(|error| {
            eprintln!("{error}");
            process::exit(2)
        });
        serve(listener).await;
    });
}

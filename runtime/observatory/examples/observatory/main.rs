//! A server whose own tasks, wakes and reactor are shown live on a page:
//!
//! ```text
//! cd runtime/observatory && cargo run --release --example observatory
//! curl http://127.0.0.1:7070/slow?ms=500
//! ```
//!
//! Open <http://127.0.0.1:7070/> in a browser: requests, made on the page or with `curl`, appear
//! as they happen. It listens on loopback only, and answers no page but its own.

mod routes;

use std::process;
use std::time::Duration;

use wakeful::task;
use wakeful::time::{MissedTickBehavior, interval};
use wakeful::trace;
use wakeful_observatory::Observatory;

const USAGE: &str = "\
usage: observatory [ADDRESS]

Serves a page at http://ADDRESS/ (127.0.0.1:7070) that shows the running server itself. ADDRESS must
be one of loopback, such as 127.0.0.1:0, [::1]:7070 or localhost:7070.";

fn main() {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or("127.0.0.1:7070".to_owned());
    if args.next().is_some() || address.starts_with('-') {
        let asked = matches!(&*address, "-h" | "--help");
        eprintln!("{USAGE}");
        process::exit(if asked { 0 } else { 2 });
    }
    let builder = wakeful::Builder::new().detect_deadlocks(true);
    let built = builder.trace_stall(Duration::from_millis(50)).build();
    let runtime = built.unwrap_or_else(|error| {
        eprintln!("cannot create a runtime: {error}");
        process::exit(1)
    });
    runtime
        .block_on(async {
            let observatory = Observatory::new().actions(routes::TARGETS, routes::answer);
            let server = observatory.serve(&address).await.unwrap_or_else(|error| {
                eprintln!("{error}");
                process::exit(2)
            });
            println!("listening on {}", server.address());
            task::Builder::new().name("clock").spawn(tick()).await
        })
        .expect("the clock does not panic");
}

/// Marks each second in the trace.
async fn tick() {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        trace::mark("a second has passed");
    }
}

//! The observatory: a small HTTP server that records a trace, and a page that follows it live.
//!
//! `guard` checks the origin of requests, `connection` reads and answers them, `routes` has the
//! handlers, `live` streams the trace to the page as server-sent events, `reply` writes responses.

#[doc(hidden)]
#[path = "../args.rs"]
pub mod args;
mod connection;
mod guard;
#[path = "../http/head.rs"]
#[allow(dead_code, reason = "the file server uses more of a head")]
mod head;
mod live;
mod page;
mod reply;
mod routes;
#[doc(hidden)]
#[path = "../serving.rs"]
pub mod serving;
#[path = "../http/status.rs"]
#[allow(dead_code, reason = "the file server has more statuses")]
mod status;

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream, lookup_host};
use wakeful::time::{MissedTickBehavior, interval};
use wakeful::trace::{self, Level};
use wakeful::{Builder, Runtime, task};

pub use args::Args;
use connection::Connection;
use guard::Guard;
use live::Watchers;
use serving::{accept, close_gently, listen};

/// Tasks of the observatory itself have names that begin with this; the page hides them.
const OWN: &str = "observatory: ";
/// The largest number of connections at the same time.
const MAX_CONNECTIONS: usize = 100;
/// The number of events that are kept, and that a newly opened page receives.
const CAPACITY: usize = 1 << 14;
/// The duration from which a poll is a stall.
const STALL: Duration = Duration::from_millis(50);

/// The state that all connections share.
struct Site {
    guard: Guard,
    open: Cell<usize>,
    watchers: Watchers,
}

/// Returns a runtime that records all events.
///
/// # Errors
/// Returns the errors of [`Builder::build`].
pub fn runtime() -> io::Result<Runtime> {
    Builder::new()
        .trace_level(Level::Clones)
        .trace_capacity(CAPACITY)
        .trace_stall(STALL)
        .build()
}

/// Listens on an address, which must be one of loopback, and prints it on standard output.
///
/// # Errors
/// Returns what is wrong with the address, and what to give.
pub async fn listen_on_loopback(address: &str) -> Result<TcpListener, String> {
    let found = lookup_host(address).await;
    let found: Vec<SocketAddr> = found
        .map_err(|error| format!("cannot look up '{address}': {error}; give 127.0.0.1:7070"))?
        .collect();
    let address = guard::loopback(address, &found)?;
    Ok(listen(&address.to_string()).await)
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener) {
    let address = listener.local_addr().expect("a listener has an address");
    let site = Rc::new(Site {
        guard: Guard::new(address),
        open: Cell::new(0),
        watchers: Watchers::default(),
    });
    task::Builder::new().name("clock").spawn(tick());
    for number in 1u64.. {
        let (stream, _) = accept(&listener).await;
        let site = site.clone();
        let name = format!("connection {number}");
        task::Builder::new().name(&name).spawn(async move {
            let _open = Open::new(&site);
            // An error of one connection does not affect the others.
            let _ = if site.open.get() > MAX_CONNECTIONS {
                turn_away(stream).await
            } else {
                Connection::new(stream, &site).run().await
            };
        });
    }
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

async fn turn_away(stream: TcpStream) -> io::Result<()> {
    let mut refusal = Vec::new();
    let text = "503 Service Unavailable: there are too many connections; close some\n";
    reply::text(&mut refusal, "503 Service Unavailable", text, false);
    // The socket is new, so its send buffer has space for these bytes.
    stream.write(&refusal).await?;
    close_gently(&stream).await
}

/// Counts a connection until it is dropped.
struct Open<'a>(&'a Cell<usize>);

impl Open<'_> {
    fn new(site: &Site) -> Open<'_> {
        site.open.set(site.open.get() + 1);
        Open(&site.open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

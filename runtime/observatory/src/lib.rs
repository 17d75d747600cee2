//! A page that shows a running program of the wakeful runtime live: its tasks, polls and wakes on
//! a time line, figures of the loop, and alerts in words, such as "a poll held the loop for 34 ms".
//!
//! One line adds it to a program:
//!
//! ```
//! # fn main() {
//! # wakeful::block_on(async {
//! let server = wakeful_observatory::serve("127.0.0.1:0").await.unwrap();
//! println!("open {}", server.url()); // "open http://127.0.0.1:40123/"
//! # });
//! # }
//! ```
//!
//! The server runs on the loop that it shows, as tasks whose names begin with `observatory: `. The
//! page hides them. The loop records its [trace](wakeful::trace) from the call on, at
//! [`Level::Clones`] and with a limit of 2,000 events a second; [`Observatory`] changes both.
//!
//! # What it shows when there are too many events
//!
//! Above the limit, the recorder leaves events out. The page hatches these times and draws there
//! how much of the loop each task took, which the recorder counts. All totals, the busy share of
//! the loop and the polls and wakes of each task come from counters that miss nothing.
//!
//! # Who can read it
//!
//! The page shows names of tasks and places in the code. So the server listens on addresses of
//! loopback only, and refuses requests of other pages that are open in a browser on this machine:
//! it checks `Host`, `Origin` and `Sec-Fetch-Site`. Other users of this machine can open the page.
//! It serves at most 8 pages and 100 connections at a time, and limits the time and the size of
//! each request.

mod connection;
mod figures;
mod guard;
mod head;
mod live;
mod page;
mod reply;
mod server;
mod site;

pub use server::{Error, Observatory, Server};
use wakeful::trace::Level;

/// Names of tasks of the observatory itself begin with this; the page hides them.
const OWN: &str = "observatory: ";

/// Serves the page at an address of loopback, such as `127.0.0.1:7070`, `[::1]:7070` or
/// `localhost:7070`. With port 0 the system chooses a port: see [`Server::url`].
///
/// This is [`Observatory::serve`] with the defaults.
///
/// # Errors
///
/// If the address is not one of loopback, or can't be listened on.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Cancel-safe: nothing is served before the future is ready.
///
/// ```
/// # wakeful::block_on(async {
/// let server = wakeful_observatory::serve("127.0.0.1:0").await?;
/// assert!(server.address().ip().is_loopback());
/// let refused = wakeful_observatory::serve("0.0.0.0:7070").await.unwrap_err();
/// assert!(refused.to_string().contains("on loopback only"));
/// # Ok::<(), wakeful_observatory::Error>(())
/// # }).unwrap();
/// ```
pub async fn serve(address: &str) -> Result<Server, Error> {
    Observatory::new().serve(address).await
}

/// The level at which the trace is recorded by default: with the clones and drops of wakers.
const LEVEL: Level = Level::Clones;
/// The largest number of events that are recorded in a second by default.
const RATE: u32 = 2_000;

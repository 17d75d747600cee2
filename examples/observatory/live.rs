//! Streams the trace to the open pages in parts, as server-sent events.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use wakeful::Metrics;
use wakeful::net::TcpStream;
use wakeful::time::{MissedTickBehavior, interval, timeout};
use wakeful::trace::{Cursor, snapshot_since};

use super::connection::SEND;
use super::{CAPACITY, reply};

/// The time between two parts.
const PACE: Duration = Duration::from_millis(200);
/// The largest number of events in a part. A page that is too slow receives the number of events
/// that it missed.
const PART: usize = 2000;
/// The largest number of open pages.
const MAX_WATCHERS: usize = 8;

/// The number of open pages.
#[derive(Default)]
pub(crate) struct Watchers(Rc<Cell<usize>>);

/// The place of one page, which is free again when it is dropped.
pub(crate) struct Place(Rc<Cell<usize>>);

impl Watchers {
    pub(crate) fn enter(&self) -> Option<Place> {
        let room = self.0.get() < MAX_WATCHERS;
        room.then(|| {
            self.0.set(self.0.get() + 1);
            Place(self.0.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Sends parts until the client closes the stream, or does not receive one within [`SEND`]. A part
/// is created when the previous one is sent, so a slow client costs the memory of one part.
pub(crate) async fn stream(stream: TcpStream, place: Place) -> io::Result<()> {
    let _place = place;
    let mut out = Vec::new();
    reply::stream(&mut out);
    let mut cursor = Cursor::new();
    // The first part has all events.
    let mut most = CAPACITY;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let part = snapshot_since(&mut cursor, most);
        reply::event(&mut out, "trace", &part.to_json());
        reply::event(&mut out, "metrics", &metrics(&Metrics::current()));
        most = PART;
        let sent = timeout(SEND, stream.write_all(&out)).await;
        sent.map_err(|_| io::ErrorKind::TimedOut)??;
        out.clear();
    }
}

/// Returns the figures on the page, as JSON.
fn metrics(all: &Metrics) -> String {
    let figures = [
        ("tasks_alive", all.tasks_alive as u64),
        ("tasks_spawned", all.tasks_spawned),
        ("polls", all.polls),
        ("wakes_local", all.wakes_local),
        ("wakes_remote", all.wakes_remote),
        ("wakes_coalesced", all.wakes_coalesced),
        ("waits", all.waits),
        ("events", all.events),
        ("sources", all.sources as u64),
        ("timers", all.timers as u64),
        ("timers_armed", all.timers_armed),
        ("timers_fired", all.timers_fired),
        ("blocking_threads", all.blocking_threads as u64),
    ];
    let fields = figures.map(|(name, value)| format!("\"{name}\": {value}"));
    format!("{{{}}}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_used_again() {
        let watchers = Watchers::default();
        let mut places: Vec<_> = (0..MAX_WATCHERS)
            .map(|_| watchers.enter().unwrap())
            .collect();
        assert!(watchers.enter().is_none());
        places.pop();
        assert!(watchers.enter().is_some());
    }
}

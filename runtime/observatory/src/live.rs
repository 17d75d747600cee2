//! Streams the trace to the open pages in parts, as server-sent events.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::TcpStream;
use wakeful::time::{MissedTickBehavior, interval, timeout};
use wakeful::trace::{Cursor, snapshot_since};

use super::figures::Figures;
use super::reply::{self, SEND};

/// The time between two parts.
const PACE: Duration = Duration::from_millis(200);
/// The same while there are many tasks, as a part may have a line for each of them.
const SLOW_PACE: Duration = Duration::from_secs(1);
/// The number of tasks above which parts are sent at the slow pace.
const MANY_TASKS: usize = 2000;
/// The largest number of events in the first part, and in each of the others. A page that is too
/// slow receives the number of events that it missed.
const FIRST: usize = 1 << 14;
const PART: usize = 4000;
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
    let mut figures = Figures::new();
    let mut most = FIRST;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let part = snapshot_since(&mut cursor, most);
        let figures = figures.next(&part);
        reply::event(&mut out, "trace", &part.to_json());
        reply::event(&mut out, "figures", &figures.json);
        most = PART;
        let sent = timeout(SEND, stream.write_all(&out)).await;
        sent.map_err(|_| io::ErrorKind::TimedOut)??;
        out.clear();
        if figures.tasks > MANY_TASKS {
            wakeful::time::sleep(SLOW_PACE - PACE).await;
        }
    }
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

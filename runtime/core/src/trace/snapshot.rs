//! What a recorder has recorded, as users read it.

use std::collections::HashMap;

use super::event::{Event, Kind, Task};
use super::level::Level;

/// What a runtime has recorded, as it was at one moment.
///
/// Printed, it is the story of what happened, one line an event, without any number that differs
/// between two runs that do the same. With `{:#}` it also has the times, and where tasks were
/// spawned.
///
/// ```
/// use wakeful::trace::{self, Level};
///
/// let runtime = wakeful::Builder::new().trace_level(Level::Wakes).build().unwrap();
/// runtime.block_on(wakeful::task::yield_now());
/// let story = runtime.enter(trace::snapshot).to_string();
/// assert_eq!(
///     story,
///     "main is spawned\n\
///      main is polled, for the first time: pending\n\
///      main wakes main by reference: queued again, during its own poll\n\
///      main is polled, because main woke it: ready\n"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) level: Level,
    pub(super) program: String,
    pub(super) end: u64,
    pub(super) lost: u64,
    pub(super) events: Vec<Event>,
    pub(super) tasks: Vec<Task>,
    pub(super) threads: Vec<String>,
}

impl Snapshot {
    /// The events, by time.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The tasks that were alive, and those that the events speak of.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The threads that the events speak of. The first is the loop.
    pub fn threads(&self) -> &[String] {
        &self.threads
    }

    /// How many records have been overwritten.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The level at which was recorded when the snapshot was taken.
    pub fn level(&self) -> Level {
        self.level
    }

    /// By time, which is zero at `start`, or else at the first event; what was lost comes first.
    pub(super) fn put_in_order(mut self, start: Option<u64>) -> Snapshot {
        let sent: HashMap<u64, u64> = self
            .events
            .iter()
            .filter(|event| matches!(event.kind, Kind::Wake { .. }) && event.seq >= 1 << 52)
            .map(|event| (event.seq, event.ts))
            .collect();
        for event in &mut self.events {
            // Counters of two cores may differ by less than a message takes, but effects come after
            // their causes all the same.
            if let Kind::Received {
                sent: Some(seq), ..
            } = event.kind
                && let Some(&ts) = sent.get(&seq)
            {
                event.ts = event.ts.max(ts);
            }
        }
        // Of events at the same time the one that was written first goes first, but a poll, which is
        // written at its end, goes before what happened in it.
        self.events
            .sort_by_key(|event| (event.ts, std::cmp::Reverse(event.dur()), event.seq));
        let first = self.events.first().map_or(self.end, |event| event.ts);
        let start = start.unwrap_or(first);
        for event in &mut self.events {
            event.shift(start);
        }
        self.end = self.end.saturating_sub(start);
        if self.lost > 0 {
            let lost = Event {
                seq: 0,
                ts: first.saturating_sub(start),
                kind: Kind::Lost { n: self.lost },
            };
            self.events.insert(0, lost);
        }
        self
    }
}

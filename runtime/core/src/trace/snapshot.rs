//! Snapshots of a recorder, for users.

use std::collections::HashMap;

use super::counts::{Place, Totals};
use super::event::{Event, Kind, Primitive, Task};
use super::level::Level;

/// Snapshot of what a runtime has recorded.
///
/// It prints as a story with one line an event. The story has no number that differs between two
/// runs that do the same. With `{:#}` it also has the times, and the places where tasks were
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
    pub(super) primitives: Vec<Primitive>,
    pub(super) totals: Totals,
    pub(super) places: Vec<Place>,
    pub(super) is_complete: bool,
}

impl Snapshot {
    /// Returns the events, ordered by time.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns the tasks that were alive, and those that occur in the events.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Returns the threads that occur in the events. The first is the loop.
    pub fn threads(&self) -> &[String] {
        &self.threads
    }

    /// Returns the channels, locks and events of `wakeful::sync` that tasks have waited for, one
    /// for each kind and place in the code.
    ///
    /// ```
    /// # fn see(snapshot: &wakeful::trace::Snapshot) {
    /// for primitive in snapshot.primitives() {
    ///     println!("{primitive}"); // "channel made at src/main.rs:5:13"
    /// }
    /// # }
    /// ```
    pub fn primitives(&self) -> &[Primitive] {
        &self.primitives
    }

    /// Returns totals of the runtime since recording began, also those of events that were
    /// overwritten or left out.
    ///
    /// ```
    /// use wakeful::trace::{self, Level};
    ///
    /// let runtime = wakeful::Builder::new().trace_level(Level::Wakes).build().unwrap();
    /// runtime.block_on(wakeful::task::yield_now());
    /// let totals = runtime.enter(trace::snapshot).totals().clone();
    /// assert_eq!(totals.counts.polls, 2);
    /// assert_eq!(totals.counts.self_wakes, 1);
    /// ```
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the places in the code that have spawned tasks, with the counts of their tasks.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     (0..3).for_each(|_| drop(wakeful::spawn(async {})));
    ///     let snapshot = wakeful::trace::snapshot();
    ///     assert!(snapshot.places().iter().any(|place| place.spawned == 3));
    /// });
    /// ```
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether [`tasks`](Self::tasks) has all tasks that are alive: always, except in a part from
    /// [`snapshot_since`](crate::executor::trace::snapshot_since) after which no task can be
    /// missing.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Returns the number of records that were overwritten.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns the level when the snapshot was taken.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Orders the events by time, which is zero at `start`, or at the first event. An event for the
    /// lost records comes first.
    pub(super) fn put_in_order(mut self, start: Option<u64>) -> Snapshot {
        let sent: HashMap<u64, u64> = self
            .events
            .iter()
            .filter(|event| matches!(event.kind, Kind::Wake { .. }) && event.seq >= 1 << 52)
            .map(|event| (event.seq, event.ts))
            .collect();
        for event in &mut self.events {
            // The counters of two cores may differ a little. An effect must not come before its
            // cause.
            if let Kind::Received {
                sent: Some(seq), ..
            } = event.kind
                && let Some(&ts) = sent.get(&seq)
            {
                event.ts = event.ts.max(ts);
            }
        }
        // Events at the same time keep the order of recording, but a poll, which is recorded at its
        // end, comes before the events inside it.
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

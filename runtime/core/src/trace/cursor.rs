//! Reading the trace in parts.
//!
//! A cursor is a position in each ring, so a part costs only what is new. Events that were
//! overwritten before they were read are counted, and such a part lists all live tasks, so a reader
//! also learns of ends that it missed.

use std::collections::HashMap;

use super::event::{Event, Kind};
use super::reader::Reader;
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::thread_rings::ThreadRing;

/// Position of a reader in the trace of a runtime, for
/// [`snapshot_since`](crate::executor::trace::snapshot_since).
///
/// A cursor that is not used costs nothing. A reader that falls behind by more than the rings keep
/// gets the number of missed events in [`Snapshot::lost`].
///
/// ```
/// use wakeful::trace::{self, Cursor, Level};
///
/// wakeful::block_on(async {
///     trace::set_level(Level::Polls);
///     let mut cursor = Cursor::new();
///     trace::mark("one");
///     assert!(trace::snapshot_since(&mut cursor, 100).to_string().contains("\"one\""));
///     trace::mark("two");
///     let news = trace::snapshot_since(&mut cursor, 100).to_string();
///     assert!(news.contains("\"two\"") && !news.contains("\"one\""));
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// The number of the recorder that was read, or zero.
    recorder: u64,
    /// Number of records of the loop's ring that were read or missed.
    ring: u64,
    /// The same for the rings of other threads, by their ids.
    thread_rings: HashMap<u64, u64>,
    /// Number of records of rings that were dropped.
    given_up: u64,
}

impl Cursor {
    /// Returns a cursor at the oldest event that is kept.
    ///
    /// ```
    /// let mut cursor = wakeful::trace::Cursor::new();
    /// wakeful::block_on(async {
    ///     assert!(wakeful::trace::snapshot_since(&mut cursor, 100).events().is_empty());
    /// });
    /// ```
    pub fn new() -> Cursor {
        Cursor::default()
    }

    /// Reads at most `most` records, and moves the cursor behind them. On the owner thread.
    pub(super) fn advance(&mut self, shared: &Shared, most: usize) -> Snapshot {
        let most = most.max(1);
        shared.split_gap();
        let mut reader = Reader::new(shared);
        if self.recorder != shared.number {
            *self = Cursor {
                recorder: shared.number,
                ..Cursor::default()
            };
            reader.alive();
        }
        // Other threads first, and at most half of `most`, so neither side can starve the other.
        let lost = self.read_thread_rings(&mut reader, most / 2);
        let oldest = shared.ring.lost();
        let known = self.ring;
        let from = self.ring.max(oldest);
        let lost = lost + (from - self.ring);
        let left = most - reader.events.len();
        let before = reader.events.len();
        for (seq, record) in shared.ring.since(from).take(left) {
            reader.read(seq, &record, 0);
        }
        self.ring = from + (reader.events.len() - before) as u64;
        let leaves_out = |event: &Event| matches!(event.kind, Kind::Gap { .. });
        if lost > 0 || reader.events.iter().any(leaves_out) {
            // The end of a task may be among the events that are missing.
            reader.alive();
            reader.freed(known);
        }
        reader.snapshot(lost).put_in_order(Some(0))
    }

    /// Reads the rings of other threads. Returns the number of records that were missed.
    fn read_thread_rings(&mut self, reader: &mut Reader<'_>, most: usize) -> u64 {
        let rings = &reader.shared.thread_rings;
        let share = (most / rings.count().max(1)).max(1);
        let (mut lost, mut there) = (0, HashMap::new());
        let given_up = rings.each(|ring| {
            let read = self.thread_rings.get(&ring.id).copied().unwrap_or(0);
            let from = read.max(ring.lost());
            lost += from - read;
            let share = share.min(most - reader.events.len());
            there.insert(ring.id, from + read_thread_ring(reader, ring, from, share));
        });
        // The count of dropped rings includes the records that this reader had read of them.
        let known = |(id, read): (&u64, &u64)| if there.contains_key(id) { 0 } else { *read };
        let read: u64 = self.thread_rings.iter().map(known).sum();
        lost += (given_up - self.given_up).saturating_sub(read);
        self.given_up = given_up;
        self.thread_rings = there;
        lost
    }
}

/// Reads the ring of one thread. Returns the number of records that were read.
fn read_thread_ring(reader: &mut Reader<'_>, ring: &ThreadRing, from: u64, most: usize) -> u64 {
    let before = reader.events.len();
    let thread = reader.threads.len();
    for (number, record) in ring.since(from).take(most) {
        reader.read(number, &record, thread);
    }
    let read = reader.events.len() - before;
    if read > 0 {
        reader.threads.push(ring.name.clone());
    }
    read as u64
}

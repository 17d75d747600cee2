//! Records of events, 32 bytes each, and the ring that keeps them.

use std::cell::{Cell, OnceCell};

macro_rules! codes {
    ($($name:ident)*) => {
        /// Kind of a record. `reader.rs` has the fields of each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Code {
            $($name,)*
        }

        impl Code {
            const ALL: &[Code] = &[$(Code::$name),*];
        }
    };
}

codes! {
    Spawn Poll Done Freed Clone Drop Wake Received Register Deregister Wait Ready TimerArm TimerFire
    TimerCancel Submit Blocking Drain Stall Mark Span Await Gap
    Sum
}

/// The largest value of `Record::small`, which has 48 bits.
const SMALL: u64 = (1 << 48) - 1;

/// Record of one event. The meaning of the fields depends on the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Time stamp of the event, or of its start.
    pub(super) stamp: u64,
    /// Code (8 bits), flag (8 bits) and a small number (48 bits).
    head: u64,
    pub(super) x: u64,
    pub(super) y: u64,
}

const _: () = assert!(size_of::<Record>() == 32);

impl Record {
    /// Makes a record. `small` is limited to 48 bits, which as a length in stamps is about a day.
    #[inline(always)]
    pub(super) fn new(stamp: u64, code: Code, flag: u8, small: u64, x: u64, y: u64) -> Record {
        let small = if small > SMALL { SMALL } else { small };
        Record {
            stamp,
            head: code as u64 | u64::from(flag) << 8 | small << 16,
            x,
            y,
        }
    }

    pub(super) fn code(&self) -> Code {
        Code::ALL[usize::from(self.head as u8) % Code::ALL.len()]
    }

    pub(super) fn flag(&self) -> u8 {
        (self.head >> 8) as u8
    }

    pub(super) fn small(&self) -> u64 {
        self.head >> 16
    }
}

/// Ring of records: a new record overwrites the oldest one. The memory is allocated when recording
/// begins.
pub(super) struct RecordRing {
    records: OnceCell<Box<[Cell<Record>]>>,
    capacity: usize,
    /// Number of records written so far. Records are numbered in this order, from one.
    written: Cell<u64>,
}

impl RecordRing {
    pub(super) fn new(capacity: usize) -> RecordRing {
        RecordRing {
            records: OnceCell::new(),
            capacity: capacity.clamp(16, 1 << 30).next_power_of_two(),
            written: Cell::new(0),
        }
    }

    pub(super) fn allocate(&self) {
        self.records
            .get_or_init(|| (0..self.capacity).map(|_| Cell::default()).collect());
    }

    /// Writes a record and returns its number; zero if the ring was not allocated.
    #[inline(always)]
    pub(super) fn push(&self, record: Record) -> u64 {
        let Some(records) = self.records.get() else {
            return 0;
        };
        let written = self.written.get();
        records[written as usize & (records.len() - 1)].set(record);
        self.written.set(written + 1);
        written + 1
    }

    pub(super) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Returns the number of records that were overwritten.
    pub(super) fn lost(&self) -> u64 {
        self.written.get().saturating_sub(self.capacity as u64)
    }

    /// Returns the records after the first `read`, oldest first, with their numbers.
    pub(super) fn since(&self, read: u64) -> impl Iterator<Item = (u64, Record)> + '_ {
        let records = self.records.get().map_or(&[][..], |records| records);
        (self.lost().max(read)..self.written.get()).filter_map(|place| {
            let record = records.get(place as usize & (self.capacity - 1))?;
            Some((place + 1, record.get()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_what_it_was_given() {
        for &code in Code::ALL {
            let record = Record::new(5, code, 0xAB, 0x1234_5678_9ABC, 7, u64::MAX);
            assert_eq!(record.code(), code);
            assert_eq!(record.flag(), 0xAB);
            assert_eq!(record.small(), 0x1234_5678_9ABC);
            assert_eq!((record.stamp, record.x, record.y), (5, 7, u64::MAX));
        }
        let long = Record::new(0, Code::Span, 0, u64::MAX, 0, 0);
        assert_eq!(
            (long.code(), long.flag(), long.small()),
            (Code::Span, 0, SMALL)
        );
    }

    #[test]
    fn the_ring_keeps_the_newest() {
        let ring = RecordRing::new(16);
        let mark = |n| Record::new(n, Code::Mark, 0, 0, n, 0);
        assert_eq!(ring.push(mark(0)), 0, "not allocated yet");
        ring.allocate();
        for n in 1..=20 {
            assert_eq!(ring.push(mark(n)), n);
        }
        assert_eq!(ring.lost(), 4);
        let kept: Vec<_> = ring.since(0).map(|(seq, record)| (seq, record.x)).collect();
        assert_eq!(kept, (5..=20).map(|n| (n, n)).collect::<Vec<_>>());
        let first = |read| ring.since(read).next().map(|(seq, _)| seq);
        assert_eq!([first(3), first(7), first(20)], [Some(5), Some(8), None]);
    }
}

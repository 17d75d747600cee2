//! The records of other threads. Each thread has a small ring of its own, behind a lock for which
//! only snapshots contend.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::{Record, RecordRing};

use crate::sys::AtomicU64;

/// Number of records that a ring keeps.
const CAPACITY: usize = 1024;
/// Number of rings above which rings of threads that have ended are dropped.
const MAX_RINGS: usize = 256;
/// Added to the numbers of records that other threads have written.
const FOREIGN: u64 = 1 << 52;

/// Ring of one thread, with the numbers of its records.
pub(super) struct ThreadRing {
    /// Unique in the recorder.
    pub(super) id: u64,
    pub(super) name: String,
    ring: RecordRing,
    /// The number of each record, at the same index.
    numbers: Box<[Cell<u64>]>,
}

/// The rings of one recorder.
#[derive(Default)]
pub(super) struct ThreadRings {
    rings: Mutex<Vec<Arc<Mutex<ThreadRing>>>>,
    written: AtomicU64,
    opened: AtomicU64,
    /// Number of records of rings that were dropped, and of threads that end and have none any
    /// more.
    lost: AtomicU64,
}

thread_local! {
    /// The rings of this thread, by the number of their recorder.
    static MINE: RefCell<Vec<(u64, Arc<Mutex<ThreadRing>>)>> = const { RefCell::new(Vec::new()) };
    /// The closure of a blocking pool that runs on this thread: its recorder and its number.
    static JOB: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ThreadRings {
    /// Writes a record into the ring of the calling thread, and returns its number.
    pub(super) fn push(&self, recorder: u64, record: Record) -> u64 {
        let number = FOREIGN + self.written.fetch_add(1, Ordering::Relaxed) + 1;
        let pushed = MINE.try_with(|mine| {
            let mut mine = mine.borrow_mut();
            let place = mine.iter().position(|(known, _)| *known == recorder);
            let place = place.unwrap_or_else(|| {
                // The recorder of a ring without another reference is gone.
                mine.retain(|(_, ring)| Arc::strong_count(ring) > 1);
                mine.push((recorder, self.open()));
                mine.len() - 1
            });
            lock(&mine[place].1).push(number, record);
        });
        if pushed.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        number
    }

    /// Adds a ring for the calling thread.
    fn open(&self) -> Arc<Mutex<ThreadRing>> {
        let mut rings = lock(&self.rings);
        if rings.len() >= MAX_RINGS
            && let Some(old) = rings.iter().position(|ring| Arc::strong_count(ring) == 1)
        {
            let old = rings.remove(old);
            self.lost
                .fetch_add(lock(&old).ring.written(), Ordering::Relaxed);
        }
        let thread = std::thread::current();
        let name = match thread.name() {
            Some(name) => name.to_owned(),
            None => format!("{:?}", thread.id()),
        };
        let ring = ThreadRing::new(self.opened.fetch_add(1, Ordering::Relaxed), name);
        let ring = Arc::new(Mutex::new(ring));
        rings.push(ring.clone());
        ring
    }

    /// Returns the number of rings.
    pub(super) fn count(&self) -> usize {
        lock(&self.rings).len()
    }

    /// Calls `f` with each ring; returns the number of records that are in no ring any more.
    pub(super) fn each(&self, mut f: impl FnMut(&ThreadRing)) -> u64 {
        let rings = lock(&self.rings);
        for ring in rings.iter() {
            f(&lock(ring));
        }
        // Read under the lock, so a ring is either passed to `f` or counted here.
        self.lost.load(Ordering::Relaxed)
    }
}

impl ThreadRing {
    fn new(id: u64, name: String) -> ThreadRing {
        let ring = RecordRing::new(CAPACITY);
        ring.allocate();
        ThreadRing {
            id,
            name,
            ring,
            numbers: (0..CAPACITY).map(|_| Cell::default()).collect(),
        }
    }

    fn push(&self, number: u64, record: Record) {
        let place = self.ring.push(record);
        self.numbers[(place - 1) as usize % CAPACITY].set(number);
    }

    /// Returns the number of records that were overwritten.
    pub(super) fn lost(&self) -> u64 {
        self.ring.lost()
    }

    /// Returns the records after the first `read`, oldest first, with their numbers.
    pub(super) fn since(&self, read: u64) -> impl Iterator<Item = (u64, Record)> + '_ {
        let number = |place: u64| self.numbers[(place - 1) as usize % CAPACITY].get();
        self.ring
            .since(read)
            .map(move |(place, record)| (number(place), record))
    }
}

/// Sets the closure of a blocking pool that runs on this thread.
pub(super) fn set_job(job: Option<(u64, u64)>) {
    // A thread whose local values are destroyed runs no closure.
    let _ = JOB.try_with(|current| current.set(job));
}

/// Returns the number of the closure that runs on this thread, if it belongs to that recorder.
pub(super) fn job(recorder: u64) -> Option<u64> {
    let job = JOB.try_with(Cell::get).ok().flatten();
    job.filter(|(known, _)| *known == recorder).map(|job| job.1)
}

//! What other threads record: each into a small ring of its own, under a lock that only a snapshot
//! contends for.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::{Record, Ring};

/// Records that each thread keeps.
const CAPACITY: usize = 1024;
/// ThreadRings of threads that have ended are kept up to this many.
const MAX_RINGS: usize = 256;
/// Marks the numbers of records that the loop did not write.
const FOREIGN: u64 = 1 << 52;

/// A thread's ring, with the numbers that the records have.
pub(super) struct ThreadRing {
    /// Unique among those of the recorder.
    pub(super) id: u64,
    pub(super) name: String,
    ring: Ring,
    /// At the same places.
    numbers: Box<[Cell<u64>]>,
}

/// The rings of one recorder.
#[derive(Default)]
pub(super) struct ThreadRings {
    rings: Mutex<Vec<Arc<Mutex<ThreadRing>>>>,
    written: AtomicU64,
    opened: AtomicU64,
    /// Of rings that were given up, and of threads too far gone to have one.
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
    /// Keeps a record for the calling thread, and returns its number.
    pub(super) fn push(&self, recorder: u64, record: Record) -> u64 {
        let number = FOREIGN + self.written.fetch_add(1, Ordering::Relaxed) + 1;
        let pushed = MINE.try_with(|mine| {
            let mut mine = mine.borrow_mut();
            let place = mine.iter().position(|(known, _)| *known == recorder);
            let place = place.unwrap_or_else(|| {
                // Those of recorders that are gone are held by nobody else.
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

    /// A ring for the calling thread.
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

    pub(super) fn count(&self) -> usize {
        lock(&self.rings).len()
    }

    /// Calls `f` with each ring; returns how many records of other rings there have been.
    pub(super) fn each(&self, mut f: impl FnMut(&ThreadRing)) -> u64 {
        let rings = lock(&self.rings);
        for ring in rings.iter() {
            f(&lock(ring));
        }
        // Under the lock: a ring is either seen above or counted here.
        self.lost.load(Ordering::Relaxed)
    }
}

impl ThreadRing {
    fn new(id: u64, name: String) -> ThreadRing {
        let ring = Ring::new(CAPACITY);
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

    /// How many have been overwritten.
    pub(super) fn lost(&self) -> u64 {
        self.ring.lost()
    }

    /// What is there after the first `read`, oldest first.
    pub(super) fn since(&self, read: u64) -> impl Iterator<Item = (u64, Record)> + '_ {
        let number = |place: u64| self.numbers[(place - 1) as usize % CAPACITY].get();
        self.ring
            .since(read)
            .map(move |(place, record)| (number(place), record))
    }
}

/// Says which closure of a pool runs on this thread.
pub(super) fn set_job(job: Option<(u64, u64)>) {
    // A thread that winds down runs none.
    let _ = JOB.try_with(|current| current.set(job));
}

/// The closure that runs on this thread, if it is one of that recorder's pool.
pub(super) fn job(recorder: u64) -> Option<u64> {
    let job = JOB.try_with(Cell::get).ok().flatten();
    job.filter(|(known, _)| *known == recorder).map(|job| job.1)
}

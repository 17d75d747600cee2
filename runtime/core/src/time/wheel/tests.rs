//! Compares the wheel with a sorted map, over hundreds of thousands of random operations.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::*;

/// Marsaglia's xorshift: a repeatable generator of random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns a span up to 2^`bits`, with each power of two equally likely.
    fn span(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits);
        self.below(1 << bits)
    }
}

/// Waker that records which entry was fired.
struct Name {
    last: Arc<AtomicUsize>,
    name: usize,
}

impl Wake for Name {
    fn wake(self: Arc<Self>) {
        self.last.store(self.name, Ordering::Relaxed);
    }
}

/// A wheel, and a sorted map as its model.
pub(super) struct Pair {
    pub(super) wheel: Wheel,
    entries: Vec<Pin<Box<Entry>>>,
    /// The armed entries: (deadline, arming sequence number) to the number of the entry.
    pub(super) model: BTreeMap<(u64, u64), usize>,
    keys: Vec<Option<(u64, u64)>>,
    wakers: Vec<Waker>,
    last: Arc<AtomicUsize>,
    pub(super) now: u64,
    order: u64,
}

impl Pair {
    pub(super) fn new(entries: usize) -> Pair {
        let last = Arc::new(AtomicUsize::new(usize::MAX));
        let waker = |name| {
            let last = last.clone();
            Waker::from(Arc::new(Name { last, name }))
        };
        Pair {
            wheel: Wheel::new(),
            entries: (0..entries).map(|_| Box::pin(Entry::new())).collect(),
            model: BTreeMap::new(),
            keys: vec![None; entries],
            wakers: (0..entries).map(waker).collect(),
            last,
            now: 0,
            order: 0,
        }
    }

    pub(super) fn insert(&mut self, name: usize, deadline: u64) {
        self.remove(name);
        let entry = &self.entries[name];
        drop(entry.set_waker(&self.wakers[name]));
        // SAFETY: just removed, and removed before the pair is dropped: see `Drop`.
        unsafe { self.wheel.insert(entry.as_ref(), deadline) };
        let key = (deadline, self.order);
        self.order += 1;
        self.model.insert(key, name);
        self.keys[name] = Some(key);
    }

    pub(super) fn remove(&mut self, name: usize) {
        assert_eq!(self.entries[name].is_armed(), self.keys[name].is_some());
        self.wheel.remove(&self.entries[name]);
        assert!(!self.entries[name].is_armed());
        if let Some(key) = self.keys[name].take() {
            self.model.remove(&key);
        }
    }

    /// Advances to `now`. The wheel must fire the entries of the map, in its order.
    pub(super) fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.wheel.advance(self.now);
        while let Some((&key, &name)) = self.model.first_key_value() {
            if key.0 > self.now {
                break;
            }
            let due = self
                .wheel
                .fire()
                .expect("a timer that is due was not fired");
            due.waker.expect("it has a waker").wake();
            let fired = self.last.load(Ordering::Relaxed);
            assert_eq!(fired, name, "{:?} before {key:?}", self.keys[fired]);
            self.model.pop_first();
            self.keys[name] = None;
        }
        assert!(self.wheel.fire().is_none(), "fired early");
        self.check();
    }

    pub(super) fn check(&self) {
        assert_eq!(self.wheel.stats().now, self.model.len());
        let truth = self.model.first_key_value().map(|(key, _)| key.0);
        match (self.wheel.next(), truth) {
            (Some(next), Some(truth)) => assert!(next <= truth, "{next} is after {truth}"),
            (next, truth) => assert_eq!(next, truth),
        }
    }

    /// Advances from one wake-up to the next, `wakeups` times, as an idle loop does. Each wake-up
    /// is later than the one before, and few wake-ups fire nothing.
    pub(super) fn run(&mut self, wakeups: usize) {
        let mut early = 0;
        for _ in 0..wakeups {
            let Some(next) = self.wheel.next() else {
                break;
            };
            let armed = self.model.len();
            self.advance(next);
            if self.model.len() == armed {
                assert!(self.wheel.next() > Some(next), "no progress at {next}");
                early += 1;
                // An entry moves down at most through all levels, and each bound is corrected once.
                assert!(early <= 2 * LEVELS, "wakes up for nothing again and again");
            } else {
                early = 0;
            }
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for entry in &self.entries {
            self.wheel.remove(entry);
        }
    }
}

fn deadline(pair: &Pair, random: &mut Random) -> u64 {
    match random.below(8) {
        // Nanoseconds to years.
        0..=2 => pair.now.saturating_add(random.span(60)),
        // The edges of a slot of some level.
        3 => {
            let bits = TICK_BITS + SLOT_BITS * random.below(LEVELS as u64) as u32;
            let edge = (pair.now >> bits)
                .saturating_add(1)
                .saturating_mul(1 << bits);
            edge.wrapping_add(random.below(3)).wrapping_sub(1)
        }
        // The timeouts of many connections: close together, with ties.
        4 | 5 => pair.now.saturating_add(30_000_000_000 + random.below(20)),
        // In the past.
        6 => random.below(pair.now.max(1)),
        _ => pair.now.saturating_add(random.span(24)),
    }
}

fn play(seed: u64, operations: usize, entries: usize) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ seed);
    let mut pair = Pair::new(entries);
    for _ in 0..operations {
        let name = random.below(entries as u64) as usize;
        match random.below(100) {
            // Arms an entry, or resets it if it is armed.
            0..=59 => {
                let deadline = deadline(&pair, &mut random);
                pair.insert(name, deadline);
            }
            60..=79 => pair.remove(name),
            80..=89 => {
                let now = pair.now.saturating_add(random.span(34));
                pair.advance(now);
            }
            90..=97 => pair.run(3),
            _ => {
                let now = pair.now.saturating_add(random.span(40));
                // As a loop that reads the clock often and finds no timer due.
                for step in 1..=4 {
                    pair.advance(pair.now + (now - pair.now) / 4 * step);
                }
            }
        }
        pair.check();
    }
    // No entry was lost: the rest fires.
    pair.run(usize::MAX);
    assert!(pair.model.is_empty());
    assert_eq!(pair.wheel.next(), None);
}

#[test]
fn the_wheel_does_what_a_sorted_map_would() {
    for seed in 1..=4 {
        play(seed, 100_000, 400);
    }
}

#[test]
fn with_few_timers_every_bound_is_exact_or_soon_corrected() {
    for seed in 1..=200 {
        play(seed, 500, 5);
    }
}

#[test]
fn the_end_of_time_fires_too() {
    let mut pair = Pair::new(3);
    pair.insert(0, u64::MAX);
    pair.insert(1, u64::MAX - 1);
    pair.insert(2, u64::MAX);
    pair.run(usize::MAX);
    assert_eq!(pair.now, u64::MAX);
    assert!(pair.model.is_empty());
    pair.insert(0, 5);
    pair.advance(u64::MAX);
}

#[test]
fn due_entries_can_be_removed_and_armed_again_before_they_fire() {
    let mut pair = Pair::new(4);
    for name in 0..4 {
        pair.insert(name, 1_000_000 + name as u64);
    }
    pair.wheel.advance(2_000_000);
    pair.now = 2_000_000;
    assert_eq!(
        pair.wheel.next(),
        Some(0),
        "there is something to do at once"
    );
    pair.remove(1);
    pair.insert(0, 9_000_000);
    pair.insert(3, 1);
    // An entry that is armed again waits for the next `advance`, even if its deadline has passed.
    drop(pair.wheel.fire().expect("due").waker.expect("a waker"));
    let key = pair.keys[2].take().expect("armed");
    pair.model.remove(&key);
    assert!(!pair.entries[2].is_armed());
    assert!(pair.wheel.fire().is_none());
    pair.check();
    pair.advance(2_000_000);
    assert_eq!(pair.model.len(), 1);
    pair.run(usize::MAX);
    assert_eq!(pair.now, 9_000_000);
}

//! Exercise 26: timers that fire in the wrong order.
//!
//! What it should do: `pop` takes out the timer that is due first. After each call every entry of
//! the heap is due no later than the two below it. A timer moves only along one path, so don't
//! sort.
//!
//! Repair `Heap::pop`; `insert` is right. It needs a change of a few lines.
//!
//! The question, to answer before you run it: in which order does this program print the timers,
//! before your repair? Draw the heap, which is `1` above `3` and `2`, with `4` below `3`.
//!
//! - a: 1 2 3 4
//! - b: 1 3 2 4
//! - c: 1 3 4 2
//! - d: 4 3 2 1
//!
//! Run it: `cargo run --example exercise_26`. Check it: `cargo run --example lab -- check 26`.

pub const ANSWER: char = '?';

/// When each timer is due. Below the entry at `n` are those at `2 * n + 1` and `2 * n + 2`.
#[derive(Default)]
pub struct Heap {
    pub entries: Vec<u64>,
}

impl Heap {
    /// Adds a timer at the bottom. It rises as long as it is due before the entry above it.
    pub fn insert(&mut self, due: u64) {
        self.entries.push(due);
        let mut here = self.entries.len() - 1;
        while here > 0 && self.entries[here] < self.entries[(here - 1) / 2] {
            self.entries.swap(here, (here - 1) / 2);
            here = (here - 1) / 2;
        }
    }

    /// Takes the first timer out. The last entry takes its place, and sinks.
    pub fn pop(&mut self) -> Option<u64> {
        if self.entries.is_empty() {
            return None;
        }
        let first = self.entries.swap_remove(0);
        let mut here = 0;
        loop {
            let (left, right) = (2 * here + 1, 2 * here + 2);
            let is_before = |below: usize| self.entries.get(below) < self.entries.get(here);
            let count = self.entries.len();
            let next = if left < count && is_before(left) {
                left
            } else if right < count && is_before(right) {
                right
            } else {
                return Some(first);
            };
            self.entries.swap(here, next);
            here = next;
        }
    }
}

pub fn main() {
    let mut timers = Heap::default();
    for due in [1, 3, 2, 4] {
        timers.insert(due);
    }
    while let Some(due) = timers.pop() {
        println!("{due}");
    }
}

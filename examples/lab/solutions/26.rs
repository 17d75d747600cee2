//! The solution of exercise 26.
//!
//! The entry that sinks went to the left whenever the left one was due before it. If the right one
//! is due still earlier, the left one is then above it, and the heap is broken. So the entry
//! changes places with the one below that is due first.

pub const ANSWER: char = 'b';

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
            let below = [left, right].into_iter();
            let below = below.filter(|&below| below < self.entries.len());
            let Some(next) = below.min_by_key(|&below| self.entries[below]) else {
                return Some(first);
            };
            if self.entries[here] <= self.entries[next] {
                return Some(first);
            }
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

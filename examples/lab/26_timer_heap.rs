//! What is a timer? An entry in a heap, and the timeout of the loop's wait.
//!
//! A loop has to know one thing about its timers: which is due first. A sorted list knows it, but
//! to insert into it moves its entries. A heap keeps less order: each entry is due no later than
//! the two below it. So the first is on top, and an insertion or removal moves only the entries on
//! one path between top and bottom.
//!
//! Look at the picture of the heap: no level is sorted. Look at the run: the timers were set in any
//! order and fire in the right one. And look at the counts of comparisons.
//!
//! `cargo run --example lab_26_timer_heap`

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// Timers in an array: below the entry at `n` are those at `2 * n + 1` and `2 * n + 2`.
#[derive(Default)]
struct Heap {
    /// When a timer is due, and its number. Of two that are due at once, the one set first is
    /// first.
    entries: Vec<(u64, usize)>,
    comparisons: Cell<u64>,
}

impl Heap {
    fn is_due_before(&self, one: usize, other: usize) -> bool {
        self.comparisons.set(self.comparisons.get() + 1);
        self.entries[one] < self.entries[other]
    }

    /// Adds a timer at the bottom. It rises as long as it is due before the entry above it.
    fn insert(&mut self, due: u64, timer: usize) {
        self.entries.push((due, timer));
        let mut here = self.entries.len() - 1;
        while here > 0 && self.is_due_before(here, (here - 1) / 2) {
            self.entries.swap(here, (here - 1) / 2);
            here = (here - 1) / 2;
        }
    }

    /// Takes the first timer out. The last entry takes its place, and sinks as long as one of the
    /// two below it is due before it.
    fn pop(&mut self) -> Option<(u64, usize)> {
        if self.entries.is_empty() {
            return None;
        }
        let first = self.entries.swap_remove(0);
        let mut here = 0;
        loop {
            let (left, right) = (2 * here + 1, 2 * here + 2);
            let count = self.entries.len();
            let mut next = here;
            if left < count && self.is_due_before(left, next) {
                next = left;
            }
            if right < count && self.is_due_before(right, next) {
                next = right;
            }
            if next == here {
                return Some(first);
            }
            self.entries.swap(here, next);
            here = next;
        }
    }

    fn first(&self) -> Option<u64> {
        self.entries.first().map(|&(due, _)| due)
    }

    /// Prints the entries level by level.
    fn print(&self) {
        let (mut from, mut length) = (0, 1);
        while from < self.entries.len() {
            let end = (from + length).min(self.entries.len());
            let level = self.entries[from..end].iter();
            let level: Vec<String> = level.map(|(due, _)| format!("{due:>2} ms")).collect();
            let line = level.join("   ");
            println!("{}", format!("{line:^44}").trim_end());
            (from, length) = (end, 2 * length);
        }
    }
}

/// The loop: waits until the first timer is due, then fires all that are due. Returns the order.
fn run(timers: &mut Heap) -> Vec<(u64, usize)> {
    let start = Instant::now();
    let mut fired = Vec::new();
    while let Some(first) = timers.first() {
        let due = start + Duration::from_millis(first);
        let timeout = due.saturating_duration_since(Instant::now());
        // A loop with sockets waits for them here, with this timeout: `epoll_wait(.., timeout)`.
        thread::sleep(timeout);
        let now = start.elapsed();
        while let Some(due) = timers.first()
            && Duration::from_millis(due) <= now
        {
            let (due, timer) = timers.pop().expect("it has a first entry");
            println!(
                "after {:>4.1} ms: timer {timer}, due after {due} ms",
                now.as_secs_f64() * 1e3
            );
            assert!(
                now >= Duration::from_millis(due),
                "a timer never fires early"
            );
            fired.push((due, timer));
        }
    }
    fired
}

/// Returns the comparisons that `count` timers take: to insert them, and to take them all out
/// again.
fn comparisons(count: usize) -> [u64; 2] {
    let mut timers = Heap::default();
    let mut random = 1_u64;
    for timer in 0..count {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        timers.insert(random >> 40, timer);
    }
    let inserted = timers.comparisons.get();
    let mut last = 0;
    while let Some((due, _)) = timers.pop() {
        assert!(due >= last);
        last = due;
    }
    [inserted, timers.comparisons.get() - inserted]
}

fn main() {
    let mut timers = Heap::default();
    for (timer, due) in [30, 12, 18, 5, 24, 12, 9].into_iter().enumerate() {
        timers.insert(due, timer);
    }
    println!("The heap of seven timers:");
    timers.print();
    println!();
    let fired = run(&mut timers);

    println!("\nComparisons for each timer, on average:");
    println!(" timers   insert   take out   find the first of an unsorted list");
    for count in [10, 1_000, 100_000] {
        let [insert, pop] = comparisons(count);
        let each = |all: u64| all as f64 / count as f64;
        println!(
            "{count:>7} {:>8.1} {:>10.1} {:>36.1}",
            each(insert),
            each(pop),
            (count - 1) as f64 / 2.0
        );
        // The height of the heap limits the work: one comparison a level up, two a level down.
        let height = f64::from(count.ilog2());
        assert!(each(insert) <= height && each(pop) <= 2.0 * height);
    }
    println!(
        "\nA timer that is cancelled has to be found in the heap: the loop keeps its position, or"
    );
    println!("leaves the entry until it is due. Most timers are timeouts, and most timeouts are");
    println!(
        "cancelled. So Wakeful has a wheel of lists, where both take the same time for any number."
    );

    // Timers fire in the order in which they are due; of two at the same time, the first set is
    // first.
    let order = [(5, 3), (9, 6), (12, 1), (12, 5), (18, 2), (24, 4), (30, 0)];
    assert_eq!(fired, order);
}

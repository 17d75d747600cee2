//! Ready-made orders of tasks.

use super::queue::{Order, Ready};
use crate::split_mix::SplitMix;

/// Order that runs the newest task first.
///
/// Tasks that become ready while the loop is busy may keep older ones waiting forever.
#[derive(Debug, Default)]
pub struct LastIn(Vec<Ready>);

impl LastIn {
    /// Creates an empty order.
    pub fn new() -> LastIn {
        LastIn::default()
    }
}

impl Order for LastIn {
    fn push(&mut self, task: Ready) {
        self.0.push(task);
    }

    fn pop(&mut self) -> Option<Ready> {
        self.0.pop()
    }
}

/// Order that runs the ready tasks at random, for tests that must not depend on the order.
///
/// The same seed gives the same choices.
#[derive(Debug)]
pub struct Random {
    ready: Vec<Ready>,
    numbers: SplitMix,
}

impl Random {
    /// Creates an empty order. The seed may be any number.
    pub fn new(seed: u64) -> Random {
        Random {
            ready: Vec::new(),
            numbers: SplitMix::new(seed),
        }
    }
}

impl Order for Random {
    fn push(&mut self, task: Ready) {
        self.ready.push(task);
    }

    fn pop(&mut self) -> Option<Ready> {
        if self.ready.is_empty() {
            return None;
        }
        let at = self.numbers.next() as usize % self.ready.len();
        Some(self.ready.swap_remove(at))
    }
}

//! Ready-made orders of tasks.

use super::queue::{Order, Ready};

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
    state: u64,
}

impl Random {
    /// Creates an empty order. The seed may be any number.
    pub fn new(seed: u64) -> Random {
        Random {
            ready: Vec::new(),
            state: seed,
        }
    }

    /// Returns the next number of SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
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
        let at = self.next() as usize % self.ready.len();
        Some(self.ready.swap_remove(at))
    }
}

//! Task numbers: unique in the process, handed out in blocks so that a spawn touches no atomic.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::task::Id;

const BLOCK: u64 = 1 << 16;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

#[derive(Default)]
pub(super) struct Ids {
    last: Cell<u64>,
    end: Cell<u64>,
}

impl Ids {
    #[inline(always)]
    pub(super) fn next(&self) -> Id {
        if self.last.get() == self.end.get() {
            let block = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
            self.last.set(block);
            self.end.set(block + BLOCK);
        }
        self.last.set(self.last.get() + 1);
        Id::new(NonZeroU64::new(self.last.get()).expect("numbers begin at one"))
    }
}

/// A number for a task that is spawned from another thread. It costs a block of its own; there are
/// 2^48 of them.
pub(crate) fn reserve_id() -> Id {
    Ids::default().next()
}

//! Task ids: unique in the process, and reserved in blocks, so that a spawn needs an atomic
//! operation only when a block is used up.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::sys::AtomicU64;
use crate::task::Id;

const BLOCK: u64 = 1 << 16;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

/// The unused ids of a block.
#[derive(Default)]
pub(super) struct Ids {
    last: Cell<u64>,
    end: Cell<u64>,
}

impl Ids {
    /// Returns a new id.
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

/// Returns a new id for a task that is spawned from another thread. Each call uses a whole block;
/// there are 2^48 blocks.
pub(crate) fn reserve_id() -> Id {
    Ids::default().next()
}

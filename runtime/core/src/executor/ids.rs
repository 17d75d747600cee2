//! Task ids: unique in the process, and reserved in blocks so that a spawn needs no atomic.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::task::Id;

const BLOCK: u64 = 1 << 16;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

/// The rest of a block of ids.
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

/// Returns a new id for a task that is spawned from another thread. It uses a whole block, of which
/// there are 2^48.
pub(crate) fn reserve_id() -> Id {
    Ids::default().next()
}

//! References, counted with a bias: plain on the owner thread, atomic elsewhere.
//!
//! `local` is touched by the owner thread alone. `shared` belongs to everyone. A reference that is
//! made on one side may be dropped on the other, so neither number means anything by itself; their
//! sum is the number of references. Both are never negative, which is kept so by two rules:
//!
//! 1. Another thread that drops a reference takes it from `shared` if that is above zero. If it is
//!    zero, the reference was counted by the owner, and it travels back to the owner as a message
//!    ([`Release::Tell`]), who drops it here. There are at most as many such messages as
//!    references that the owner made.
//! 2. The owner that drops the last `local` one takes it from `shared` instead if that is above
//!    zero, so that `local` stays at one as long as any reference is left anywhere.
//!
//! So while the runtime lives, only the owner frees. `local` is one and `shared` is zero means:
//! mine is the only reference, nobody else can make a new one, free it.
//!
//! When the runtime ends, its thread no longer answers messages. It then [merges](Refs::merge):
//! `local` moves into `shared`, under the `MERGED` bit. From there on everyone counts on `shared`
//! and whoever brings it to zero frees. `local == 0` tells the owner thread that this has happened.

use std::cell::Cell;

use crate::primitives::Watch;
use crate::primitives::atomic::{AtomicU32, Ordering};

/// Set in `shared` once the owner has given up its side.
const MERGED: u32 = 1 << 31;

/// More references than this on one side end the process, long before a count could wrap: when the
/// sides are merged, their sum must stay below `MERGED`.
const LIMIT: u32 = 1 << 29;

pub(crate) struct Refs {
    local: Cell<u32>,
    shared: AtomicU32,
    /// Only the models see it.
    watch: Watch,
}

/// What the caller has to do after a reference was dropped.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Release {
    /// Nothing: others are left.
    Keep,
    /// It was the last one: free the task.
    Free,
    /// It is the owner's to drop: send it there. The reference is still held.
    Tell,
}

impl Refs {
    /// A count of `n` references, all made by the calling thread, the owner.
    pub(crate) fn new(n: u32) -> Refs {
        Refs {
            local: Cell::new(n),
            shared: AtomicU32::new(0),
            watch: Watch::new(),
        }
    }

    /// One more, on the owner thread.
    #[inline(always)]
    pub(crate) fn clone_here(&self) {
        self.watch.look();
        let local = self.local.get();
        if local == 0 {
            return self.clone_there();
        }
        if local > LIMIT {
            too_many();
        }
        self.local.set(local + 1);
    }

    /// One more, on any thread.
    pub(crate) fn clone_there(&self) {
        self.watch.look();
        // Relaxed: the caller holds a reference already, so the task can't go away meanwhile.
        let before = self.shared.fetch_add(1, Ordering::Relaxed);
        if before & !MERGED > LIMIT {
            too_many();
        }
    }

    /// One fewer, on the owner thread, in the usual cases. `None`: ask
    /// [`drop_last_here`](Self::drop_last_here) instead. Never answers `Tell`.
    #[inline(always)]
    pub(crate) fn drop_here(&self) -> Option<Release> {
        self.watch.look();
        let local = self.local.get();
        if local > 1 {
            self.local.set(local - 1);
            return Some(Release::Keep);
        }
        // Acquire: as in `drop_last_here`.
        let alone = local == 1 && self.shared.load(Ordering::Acquire) == 0;
        alone.then_some(Release::Free)
    }

    /// One fewer, on the owner thread, when it has one or none of its own. Never answers `Tell`.
    pub(crate) fn drop_last_here(&self) -> Release {
        let local = self.local.get();
        if local == 0 {
            return self.drop_merged();
        }
        // Acquire: pairs with the Release of the threads that counted down, so that all they did
        // with the task happens before it is freed.
        let mut shared = self.shared.load(Ordering::Acquire);
        while shared > 0 {
            match self.shared.compare_exchange(
                shared,
                shared - 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Release::Keep,
                Err(now) => shared = now,
            }
        }
        Release::Free
    }

    /// One fewer, on a thread that is not the owner.
    pub(crate) fn drop_there(&self) -> Release {
        self.watch.look();
        let mut shared = self.shared.load(Ordering::Relaxed);
        loop {
            if shared & MERGED != 0 {
                return self.drop_merged();
            }
            if shared == 0 {
                return Release::Tell;
            }
            // Release: what this thread did with the task happens before the owner frees it.
            match self.shared.compare_exchange_weak(
                shared,
                shared - 1,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Release::Keep,
                Err(now) => shared = now,
            }
        }
    }

    fn drop_merged(&self) -> Release {
        // Acquire in the same step: the thread sanitizer knows no fences.
        match self.shared.fetch_sub(1, Ordering::AcqRel) {
            last if last == MERGED | 1 => Release::Free,
            _ => Release::Keep,
        }
    }

    /// The owner's last act: from here on every thread counts on the atomic side.
    ///
    /// The caller holds at least one reference, so the sum can't be zero.
    pub(crate) fn merge(&self) {
        self.watch.look();
        let local = self.local.replace(0);
        // Release: the owner's writes happen before whoever frees the task later.
        self.shared.fetch_add(MERGED + local, Ordering::AcqRel);
    }

    /// Has the owner given up its side? Any thread.
    pub(crate) fn is_merged(&self) -> bool {
        self.watch.look();
        self.shared.load(Ordering::Relaxed) & MERGED != 0
    }

    /// Has the owner given up its side? On the owner thread.
    #[inline(always)]
    pub(crate) fn is_merged_here(&self) -> bool {
        self.watch.look();
        self.local.get() == 0
    }

    /// How many there are, on the owner thread. Other threads may change it meanwhile. `None` once
    /// the owner has given up its side.
    #[allow(dead_code, reason = "for the trace")]
    pub(crate) fn count(&self) -> Option<u32> {
        let local = self.local.get();
        (local > 0).then(|| local + self.shared.load(Ordering::Relaxed))
    }

    /// Says that the caller uses the task, for the models.
    #[inline(always)]
    pub(crate) fn look(&self) {
        self.watch.look();
    }

    /// Says that the caller frees the task, for the models.
    #[inline(always)]
    pub(crate) fn gone(&self) {
        self.watch.gone();
    }
}

/// A wrapped count would be a use after free; like `Arc`, end the process instead.
#[cold]
#[inline(never)]
fn too_many() -> ! {
    eprintln!("wakeful: more than {LIMIT} references to one task");
    std::process::abort()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn drop_here(refs: &Refs) -> Release {
        refs.drop_here().unwrap_or_else(|| refs.drop_last_here())
    }

    #[test]
    fn owner_frees_when_alone() {
        let refs = Refs::new(2);
        assert_eq!(drop_here(&refs), Release::Keep);
        assert_eq!(drop_here(&refs), Release::Free);
    }

    #[test]
    fn a_reference_made_here_and_dropped_there_goes_home() {
        let refs = Refs::new(1);
        refs.clone_here();
        assert_eq!(refs.drop_there(), Release::Tell);
        // The message is the reference; the owner drops it, then its own.
        assert_eq!(drop_here(&refs), Release::Keep);
        assert_eq!(drop_here(&refs), Release::Free);
    }

    #[test]
    fn a_reference_made_there_and_dropped_here_never_goes_negative() {
        let refs = Refs::new(1);
        refs.clone_there();
        refs.clone_there();
        assert_eq!(drop_here(&refs), Release::Keep);
        assert_eq!(drop_here(&refs), Release::Keep);
        assert_eq!(drop_here(&refs), Release::Free);
    }

    #[test]
    fn two_full_sides_merge_without_wrapping() {
        let mut refs = Refs::new(LIMIT);
        refs.shared = AtomicU32::new(LIMIT);
        refs.clone_here();
        refs.clone_there();
        refs.merge();
        assert!(refs.is_merged());
        assert_eq!(refs.drop_there(), Release::Keep);
    }

    #[test]
    fn merged_counts_are_freed_by_the_last_wherever_it_is() {
        let refs = Refs::new(2);
        refs.clone_there();
        refs.merge();
        assert!(refs.is_merged() && refs.is_merged_here());
        refs.clone_here();
        assert_eq!(refs.drop_there(), Release::Keep);
        assert_eq!(drop_here(&refs), Release::Keep);
        assert_eq!(refs.drop_there(), Release::Keep);
        assert_eq!(refs.drop_there(), Release::Free);
    }
}

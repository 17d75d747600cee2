//! Biased reference counts: plain on the owner thread, atomic on the others.
//!
//! `local` is accessed by the owner thread alone, `shared` by all threads. A reference that is
//! created on one side may be dropped on the other, so only the sum of both counts is the number of
//! references. Two rules keep both counts from becoming negative:
//!
//! 1. Another thread that drops a reference subtracts it from `shared` if that is above zero. If it
//!    is zero, the reference was counted by the owner, and is sent back to the owner as a message
//!    ([`Release::SendToOwner`]), where it is dropped. There are at most as many such messages as
//!    references that the owner created.
//! 2. If the owner drops the last `local` reference, it subtracts it from `shared` instead if that
//!    is above zero. So `local` stays at one as long as any reference is left.
//!
//! So while the runtime is alive, the owner alone frees tasks. If `local` is one and `shared` is
//! zero, the owner has the only reference, no other thread can create one, and the task can be
//! freed.
//!
//! A runtime that has ended no longer receives messages. So at its end the owner
//! [merges](Refs::merge) the counts: `local` is added to `shared`, with the `MERGED` bit. From then
//! on all threads count on `shared`, and the thread that brings it to zero frees the task. `local
//! == 0` tells the owner thread that the counts were merged.

use std::cell::Cell;

use crate::primitives::Watch;
use crate::primitives::atomic::{AtomicU32, Ordering};

/// Set in `shared` once the counts are merged.
const MERGED: u32 = 1 << 31;

/// Maximum number of references on one side; more abort the process, long before a count could
/// wrap. When the sides are merged, their sum has to stay below `MERGED`.
const LIMIT: u32 = 1 << 29;

/// Reference counts of one task.
pub(crate) struct Refs {
    local: Cell<u32>,
    shared: AtomicU32,
    /// Checks accesses in the models; empty otherwise.
    watch: Watch,
}

/// What the caller has to do after it dropped a reference.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Release {
    /// Nothing: other references are left.
    Keep,
    /// Free the task: it was the last reference.
    Free,
    /// Send the task to its owner, which has to drop the reference. It is still held.
    SendToOwner,
}

impl Refs {
    /// Creates the counts for `n` references, which belong to the calling thread, the owner.
    pub(crate) fn new(n: u32) -> Refs {
        Refs {
            local: Cell::new(n),
            shared: AtomicU32::new(0),
            watch: Watch::new(),
        }
    }

    /// Adds a reference, on the owner thread.
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

    /// Adds a reference, on any thread.
    pub(crate) fn clone_there(&self) {
        self.watch.look();
        // Relaxed: the caller holds a reference already, so the task is not freed meanwhile.
        let before = self.shared.fetch_add(1, Ordering::Relaxed);
        if before & !MERGED > LIMIT {
            too_many();
        }
    }

    /// Drops a reference on the owner thread, in the usual cases. `None`: call
    /// [`drop_last_here`](Self::drop_last_here) instead. Never returns `SendToOwner`.
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

    /// Drops a reference on the owner thread, if `local` is one or zero. Never returns
    /// `SendToOwner`.
    pub(crate) fn drop_last_here(&self) -> Release {
        let local = self.local.get();
        if local == 0 {
            return self.drop_merged();
        }
        // Acquire: pairs with the Release of the threads that dropped references, so that all they
        // did with the task happens before it is freed.
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

    /// Drops a reference on a thread that is not the owner.
    pub(crate) fn drop_there(&self) -> Release {
        self.watch.look();
        let mut shared = self.shared.load(Ordering::Relaxed);
        loop {
            if shared & MERGED != 0 {
                return self.drop_merged();
            }
            if shared == 0 {
                return Release::SendToOwner;
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
        // Acquire in the same step: the thread sanitizer does not support fences.
        match self.shared.fetch_sub(1, Ordering::AcqRel) {
            last if last == MERGED | 1 => Release::Free,
            _ => Release::Keep,
        }
    }

    /// Merges the counts, as the last access of the owner: from here on every thread counts on
    /// `shared`.
    ///
    /// The caller holds at least one reference, so the sum is not zero.
    pub(crate) fn merge(&self) {
        self.watch.look();
        let local = self.local.replace(0);
        // Release: the writes of the owner happen before the task is freed later.
        self.shared.fetch_add(MERGED + local, Ordering::AcqRel);
    }

    /// Whether the counts are merged. Any thread.
    pub(crate) fn is_merged(&self) -> bool {
        self.watch.look();
        self.shared.load(Ordering::Relaxed) & MERGED != 0
    }

    /// Whether the counts are merged. On the owner thread.
    #[inline(always)]
    pub(crate) fn is_merged_here(&self) -> bool {
        self.watch.look();
        self.local.get() == 0
    }

    /// Returns the number of references, on the owner thread. Other threads may change it
    /// meanwhile. `None` once the counts are merged.
    #[allow(dead_code, reason = "for the trace")]
    pub(crate) fn count(&self) -> Option<u32> {
        let local = self.local.get();
        (local > 0).then(|| local + self.shared.load(Ordering::Relaxed))
    }

    /// Tells the models that the caller uses the task.
    #[inline(always)]
    pub(crate) fn look(&self) {
        self.watch.look();
    }

    /// Tells the models that the caller frees the task.
    #[inline(always)]
    pub(crate) fn gone(&self) {
        self.watch.gone();
    }
}

/// Aborts the process, as `Arc` does: a count that wraps would lead to a use after free.
#[cold]
#[inline(never)]
fn too_many() -> ! {
    crate::report::report!("wakeful: more than {LIMIT} references to one task");
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
    fn a_reference_made_here_and_dropped_there_is_sent_to_the_owner() {
        let refs = Refs::new(1);
        refs.clone_here();
        assert_eq!(refs.drop_there(), Release::SendToOwner);
        // The message carries the reference; the owner drops it, and then its own.
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

//! Models of the biased counts: the memory is freed once, after all uses, and by the owner unless
//! the counts are merged.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use loom::sync::Arc;
use loom::thread;

use super::model;
use super::support::{Event, Held};
use crate::primitives::atomic::{AtomicU32, Ordering};
use crate::primitives::{Queue, Watch};
use crate::task::refs::{Refs, Release};

pub(super) trait Counts: 'static {
    fn clone_here(&self);
    fn clone_there(&self);
    fn drop_here(&self) -> Release;
    fn drop_there(&self) -> Release;
    fn merge(&self);
    /// Records that the memory is freed.
    fn freed(&self);
}

impl Counts for Refs {
    fn clone_here(&self) {
        self.clone_here();
    }
    fn clone_there(&self) {
        self.clone_there();
    }
    fn drop_here(&self) -> Release {
        self.drop_here().unwrap_or_else(|| self.drop_last_here())
    }
    fn drop_there(&self) -> Release {
        self.drop_there()
    }
    fn merge(&self) {
        self.merge();
    }
    fn freed(&self) {
        self.gone();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// At zero the other thread does not send the reference to the owner.
    Quiet,
    /// At zero the other thread frees the memory.
    Greedy,
    /// The owner that drops its last reference does not check the other side.
    Blind,
    /// A drop on another thread is not ordered before the free.
    Unordered,
    /// A merged drop is not ordered before the free.
    UnorderedMerged,
    /// The merge is a load and a store.
    MergesInTwoSteps,
}

const MERGED: u32 = 1 << 31;

/// A copy of `Refs` with one flaw.
pub(super) struct Flawed {
    local: Cell<u32>,
    shared: AtomicU32,
    watch: Watch,
    flaw: Flaw,
}

impl Flawed {
    pub(super) fn new(flaw: Flaw, local: u32) -> Flawed {
        Flawed {
            local: Cell::new(local),
            shared: AtomicU32::new(0),
            watch: Watch::new(),
            flaw,
        }
    }

    /// Subtracts one from `shared` if it is above zero.
    fn take(&self, order: Ordering) -> Result<u32, u32> {
        self.shared
            .fetch_update(order, Ordering::Acquire, |shared| {
                (shared > 0 && shared & MERGED == 0).then(|| shared - 1)
            })
    }

    fn drop_merged(&self) -> Release {
        let order = match self.flaw {
            Flaw::UnorderedMerged => Ordering::Relaxed,
            _ => Ordering::AcqRel,
        };
        match self.shared.fetch_sub(1, order) {
            last if last == MERGED | 1 => Release::Free,
            _ => Release::Keep,
        }
    }
}

impl Counts for Flawed {
    fn clone_here(&self) {
        self.watch.look();
        match self.local.get() {
            0 => self.clone_there(),
            local => self.local.set(local + 1),
        }
    }

    fn clone_there(&self) {
        self.watch.look();
        self.shared.fetch_add(1, Ordering::Relaxed);
    }

    fn drop_here(&self) -> Release {
        self.watch.look();
        match self.local.get() {
            0 => self.drop_merged(),
            1 if self.flaw == Flaw::Blind => Release::Free,
            1 => self
                .take(Ordering::AcqRel)
                .map_or(Release::Free, |_| Release::Keep),
            local => {
                self.local.set(local - 1);
                Release::Keep
            }
        }
    }

    fn drop_there(&self) -> Release {
        self.watch.look();
        match self.take(match self.flaw {
            Flaw::Unordered => Ordering::Relaxed,
            _ => Ordering::Release,
        }) {
            Ok(_) => Release::Keep,
            Err(0) if self.flaw == Flaw::Quiet => Release::Keep,
            Err(0) if self.flaw == Flaw::Greedy => Release::Free,
            Err(0) => Release::SendToOwner,
            Err(_) => self.drop_merged(),
        }
    }

    fn merge(&self) {
        self.watch.look();
        let add = MERGED + self.local.replace(0);
        if self.flaw == Flaw::MergesInTwoSteps {
            let shared = self.shared.load(Ordering::Acquire);
            self.shared.store(shared + add, Ordering::Release);
        } else {
            self.shared.fetch_add(add, Ordering::AcqRel);
        }
    }

    fn freed(&self) {
        self.watch.gone();
    }
}

/// A counted value. The counts alone determine when it is freed; the `Arc` keeps its memory valid.
pub(super) struct Thing<C> {
    /// Not dropped, so that a value that is never freed is a leak.
    pub(super) counts: ManuallyDrop<C>,
    /// References that were sent to the owner.
    sent: Queue<()>,
}

// SAFETY: the owner-only part of the counts is used by the owner alone: the threads of the models
// call the functions that end in `there`.
unsafe impl<C> Send for Thing<C> {}
// SAFETY: as above.
unsafe impl<C> Sync for Thing<C> {}

impl<C: Counts> Thing<C> {
    pub(super) fn new(counts: C) -> Arc<Thing<C>> {
        Arc::new(Thing {
            counts: ManuallyDrop::new(counts),
            sent: Queue::new(),
        })
    }

    pub(super) fn drop_here(&self) {
        if self.counts.drop_here() == Release::Free {
            self.counts.freed();
        }
    }

    pub(super) fn drop_there(&self, may_free: bool) {
        match self.counts.drop_there() {
            Release::Keep => {}
            Release::SendToOwner => self.sent.push(()),
            Release::Free => {
                assert!(may_free, "freed on another thread");
                self.counts.freed();
            }
        }
    }

    pub(super) fn receive(&self) {
        while self.sent.pop().is_some() {
            self.drop_here();
        }
    }
}

/// Two references: the owner clones and drops one, another thread does the same with the other.
fn on_both_sides<C: Counts>(counts: C) {
    let thing = Thing::new(counts);
    let other = thing.clone();
    let other = thread::spawn(move || {
        other.counts.clone_there();
        other.drop_there(false);
        other.drop_there(false);
    });
    thing.counts.clone_here();
    thing.drop_here();
    thing.drop_here();
    thing.receive();
    other.join().unwrap();
    thing.receive();
}

/// A reference that another thread created is dropped by the owner, and the other way round.
fn dropped_on_the_other_side<C: Counts>(counts: C) {
    let thing = Thing::new(counts);
    let other = thing.clone();
    let (gift, given) = (Arc::new(Queue::new()), Arc::new(Queue::new()));
    let (to, from) = (gift.clone(), given.clone());
    let other = thread::spawn(move || {
        other.counts.clone_there();
        to.push(());
        if from.pop().is_some() {
            other.drop_there(false);
        }
        other.drop_there(false);
    });
    thing.counts.clone_here();
    given.push(());
    if gift.pop().is_some() {
        thing.drop_here();
    }
    thing.drop_here();
    thing.receive();
    other.join().unwrap();
    // The references that no thread has taken.
    for _ in 0..gift.len() + given.len() {
        thing.drop_here();
    }
    thing.receive();
}

/// Another thread clones its reference and gives the clone to the owner, which drops both of its
/// references. The other thread may have dropped its own by then, or not.
fn given_to_the_owner<C: Counts>(counts: C) {
    let thing = Held::new(Thing::new(counts));
    let other = Arc::clone(&thing);
    let event = Held::new(Arc::new(Event::new()));
    let arrival = Arc::clone(&event);
    let other = thread::spawn(move || {
        other.counts.clone_there();
        arrival.set();
        other.drop_there(false);
    });
    thing.drop_here();
    event.wait();
    thing.drop_here();
    other.join().unwrap();
    thing.receive();
}

/// The owner merges while another thread clones and drops, and a third one drops. The last one
/// frees.
fn merging<C: Counts>(counts: C) {
    let thing = Thing::new(counts);
    let (one, two) = (thing.clone(), thing.clone());
    let one = thread::spawn(move || {
        one.counts.clone_there();
        one.drop_there(true);
        one.drop_there(true);
    });
    let two = thread::spawn(move || two.drop_there(true));
    thing.counts.merge();
    thing.drop_here();
    one.join().unwrap();
    two.join().unwrap();
    thing.receive();
}

#[test]
fn the_owner_frees_once() {
    model(|| on_both_sides(Refs::new(2)));
}

#[test]
fn cloned_on_one_thread_and_dropped_on_the_other() {
    model(|| dropped_on_the_other_side(Refs::new(2)));
}

#[test]
fn cloned_on_another_thread_and_dropped_by_the_owner() {
    model(|| given_to_the_owner(Refs::new(2)));
}

#[test]
fn after_a_merge_the_last_reference_frees() {
    model(|| merging(Refs::new(3)));
}

#[test]
#[should_panic(expected = "Allocation leaked")]
fn without_sending_it_to_the_owner() {
    model(|| on_both_sides(Flawed::new(Flaw::Quiet, 2)));
}

#[test]
#[should_panic(expected = "freed on another thread")]
fn without_checking_for_the_owner_at_zero() {
    model(|| on_both_sides(Flawed::new(Flaw::Greedy, 2)));
}

#[test]
#[cfg_attr(loom, should_panic(expected = "Causality violation"))]
#[cfg_attr(shuttle, should_panic(expected = "used after it was freed"))]
fn without_checking_the_other_count() {
    model(|| given_to_the_owner(Flawed::new(Flaw::Blind, 2)));
}

#[test]
#[cfg_attr(shuttle, ignore = "fails only in a weaker memory model than shuttle's")]
#[should_panic(expected = "Causality violation")]
fn without_the_order_of_a_drop_on_another_thread() {
    model(|| given_to_the_owner(Flawed::new(Flaw::Unordered, 2)));
}

#[test]
#[cfg_attr(shuttle, ignore = "fails only in a weaker memory model than shuttle's")]
#[should_panic(expected = "Causality violation")]
fn without_the_order_of_a_merged_drop() {
    model(|| merging(Flawed::new(Flaw::UnorderedMerged, 3)));
}

#[test]
#[cfg_attr(loom, should_panic(expected = "Allocation leaked"))]
#[cfg_attr(shuttle, should_panic(expected = "used after it was freed"))]
fn without_one_step_for_the_merge() {
    model(|| merging(Flawed::new(Flaw::MergesInTwoSteps, 3)));
}

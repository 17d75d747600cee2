//! Tests of the slab, case by case. `properties.rs` tests it with random operations.

use super::*;
use std::collections::HashSet;

/// The size of a header of 64 bytes and a word.
const SMALL: Layout = Layout::new::<[usize; 9]>();
const PLACES: usize = (END - FIRST) / SMALL.size().next_multiple_of(STEP);

/// Allocates a slot with a value where a task has its vtable.
fn occupied(slab: &Slab, layout: Layout) -> NonNull<u8> {
    let slot = slab.allocate(layout);
    // SAFETY: just allocated, and large enough.
    unsafe {
        slot.cast::<Free>().write(Free {
            next: None,
            no_vtable: 1,
        })
    };
    slot
}

fn many(slab: &Slab, n: usize) -> Vec<NonNull<u8>> {
    (0..n).map(|_| occupied(slab, SMALL)).collect()
}

fn free(slab: &Slab, slots: impl IntoIterator<Item = NonNull<u8>>) {
    for slot in slots {
        // SAFETY: every caller passes slots from `many`, once.
        unsafe { slab.deallocate(slot, SMALL) };
    }
}

fn iterate(slab: &Slab) -> HashSet<NonNull<u8>> {
    let mut cursor = Cursor::default();
    let met: Vec<_> = std::iter::from_fn(|| slab.task(&mut cursor)).collect();
    let distinct: HashSet<_> = met.iter().map(|task| task.cast()).collect();
    assert_eq!(met.len(), distinct.len());
    distinct
}

#[test]
fn the_last_one_freed_is_the_next_one_given() {
    let slab = Slab::new();
    let slots = many(&slab, 2);
    free(&slab, slots.clone());
    assert_eq!(occupied(&slab, SMALL), slots[1]);
    assert_eq!(occupied(&slab, SMALL), slots[0]);
}

#[test]
fn places_do_not_overlap_and_a_size_has_chunks_of_its_own() {
    let slab = Slab::new();
    let other = Layout::new::<[usize; 20]>();
    let mut spans: Vec<_> = (0..3 * PLACES)
        .flat_map(|_| [SMALL, other].map(|l| (occupied(&slab, l).addr().get(), l.size())))
        .collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0));
    let chunks = |size| {
        let of_size = spans.iter().filter(move |span| span.1 == size);
        of_size.map(|span| span.0 / CHUNK).collect::<HashSet<_>>()
    };
    assert!(chunks(SMALL.size()).is_disjoint(&chunks(other.size())));
}

#[test]
fn an_iteration_returns_all_tasks_and_the_count_agrees() {
    let slab = Slab::new();
    let mut left = many(&slab, 4 * PLACES + 7);
    // By a fixed rule, independent of the order of the chunks.
    for step in [7, 5, 3, 2, 1] {
        let gone: Vec<_> = left.iter().copied().step_by(step).collect();
        left.retain(|slot| !gone.contains(slot));
        free(&slab, gone);
        assert_eq!(iterate(&slab), left.iter().copied().collect());
        assert_eq!(slab.len(), left.len());
        left.extend(many(&slab, step * 100));
        assert_eq!(iterate(&slab), left.iter().copied().collect());
        assert_eq!(slab.len(), left.len());
    }
}

#[test]
fn vacant_places_are_used_before_a_new_chunk() {
    let slab = Slab::new();
    let slots = many(&slab, 3 * PLACES);
    let gone: Vec<_> = slots.iter().copied().step_by(2).collect();
    free(&slab, gone.iter().copied());
    let again = many(&slab, gone.len());
    assert_eq!(
        again.into_iter().collect::<HashSet<_>>(),
        gone.into_iter().collect()
    );
    assert_eq!(slab.all.borrow().len(), 3);
}

#[test]
fn empty_chunks_are_given_back_but_for_a_few() {
    let slab = Slab::new();
    let slots = many(&slab, (SPARE + 10) * PLACES);
    assert_eq!(slab.all.borrow().len(), SPARE + 10);
    // One slot between them stays in use.
    let kept = slots[5 * PLACES];
    free(&slab, slots.into_iter().filter(|&slot| slot != kept));
    assert_eq!(slab.all.borrow().len(), SPARE + 10);
    slab.trim();
    assert_eq!(iterate(&slab), HashSet::from([kept]));
    assert_eq!(slab.all.borrow().len(), SPARE + 2);
    free(&slab, [kept]);
    slab.trim();
    // The current chunk is not counted, so it stays as well.
    assert_eq!(slab.all.borrow().len(), SPARE + 1);
    assert_eq!(slab.spare.get(), SPARE);
    let again = many(&slab, (SPARE + 1) * PLACES);
    assert_eq!(slab.all.borrow().len(), SPARE + 1);
    assert_eq!(slab.spare.get(), 0);
    assert_eq!(slab.len(), again.len());
    free(&slab, again);
    slab.clear();
    assert!(slab.all.borrow().is_empty());
}

#[test]
fn pinned_chunks_stay_while_an_iteration_frees_its_tasks() {
    let slab = Slab::new();
    let slots = many(&slab, (SPARE + 10) * PLACES);
    slab.pin();
    let mut cursor = Cursor::default();
    let mut met = 0;
    while let Some(task) = slab.task(&mut cursor) {
        free(&slab, [task.cast()]);
        met += 1;
    }
    slab.trim();
    assert_eq!(met, slots.len());
    assert_eq!(slab.all.borrow().len(), SPARE + 10);
}

#[test]
fn what_is_left_stays_at_the_end() {
    let slab = Slab::new();
    let slots = many(&slab, 3 * PLACES);
    let kept = slots[PLACES + 1];
    free(&slab, slots.into_iter().filter(|&slot| slot != kept));
    slab.clear();
    assert_eq!(iterate(&slab), HashSet::from([kept]));
    assert_eq!(slab.all.borrow().len(), 1);
}

#[test]
fn every_alignment_up_to_a_cache_line_is_kept() {
    #[repr(align(16))]
    struct A16([u8; 48]);
    #[repr(align(32))]
    struct A32([u8; 96]);
    #[repr(align(64))]
    struct A64([u8; 192]);
    let slab = Slab::new();
    for layout in [
        Layout::new::<[u32; 5]>(),
        Layout::new::<[u64; 5]>(),
        Layout::new::<A16>(),
        Layout::new::<A32>(),
        Layout::new::<A64>(),
    ] {
        assert!(holds(layout), "{layout:?}");
        let slots: Vec<_> = (0..1000).map(|_| occupied(&slab, layout)).collect();
        for slot in slots {
            assert!(
                slot.addr().get().is_multiple_of(layout.align()),
                "{layout:?}"
            );
            // SAFETY: allocated above with this layout, and unused.
            unsafe { slab.deallocate(slot, layout) };
        }
    }
    let _ = (A16([0; 48]).0, A32([0; 96]).0, A64([0; 192]).0);
}

#[test]
fn the_large_and_the_oddly_aligned_are_not_kept() {
    #[repr(align(128))]
    struct Wide([u8; 128]);
    for layout in [Layout::new::<Wide>(), Layout::new::<[u64; 200]>()] {
        let slab = Slab::new();
        let memory = slab.allocate(layout);
        assert!(slab.all.borrow().is_empty() && !holds(layout));
        // SAFETY: allocated above with this layout, and unused.
        unsafe { slab.deallocate(memory, layout) };
    }
    assert_eq!(Wide([0; 128]).0[0], 0);
}

//! Property: the slab against a map of the allocated slots. Slots do not overlap, the slab does not
//! write into them, and an iteration returns each of them once.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    /// Allocates a number of slots, of a number of words each.
    Take(usize, usize),
    /// Frees a number of slots, beginning at one of them.
    Free(prop::sample::Index, usize),
    Iterate,
    Trim,
}

/// Generates operations with a few sizes, so that each has several chunks at times.
fn op() -> impl Strategy<Value = Op> {
    let words = prop::sample::select(vec![2_usize, 9, 10, 40, 128, 200]);
    prop_oneof![
        4 => (1..60_usize, words).prop_map(|(count, words)| Op::Take(count, words)),
        3 => (any::<prop::sample::Index>(), 1..90_usize)
            .prop_map(|(which, count)| Op::Free(which, count)),
        1 => Just(Op::Iterate),
        1 => Just(Op::Trim),
    ]
}

fn layout(words: usize) -> Layout {
    Layout::array::<usize>(words).expect("small")
}

/// Writes words into a slot that identify it; none of them is zero.
fn fill(slot: NonNull<u8>, words: usize) {
    for word in 0..words {
        // SAFETY: the slot has this many words, and belongs to the test.
        unsafe {
            slot.cast::<usize>()
                .add(word)
                .write(slot.addr().get() | 1 | word << (usize::BITS - 16))
        };
    }
}

fn is_filled(slot: NonNull<u8>, words: usize) -> bool {
    (0..words).all(|word| {
        // SAFETY: as above.
        let found = unsafe { slot.cast::<usize>().add(word).read() };
        found == slot.addr().get() | 1 | word << (usize::BITS - 16)
    })
}

/// The allocated slots by address, with their number of words.
type Taken = BTreeMap<NonNull<u8>, usize>;

fn take(slab: &Slab, taken: &mut Taken, words: usize) -> Result<(), TestCaseError> {
    let slot = slab.allocate(layout(words));
    prop_assert!(slot.cast::<usize>().is_aligned());
    let before = taken.range(..slot).next_back();
    if let Some((before, words)) = before {
        prop_assert!(before.addr().get() + words * size_of::<usize>() <= slot.addr().get());
    }
    if let Some((after, _)) = taken.range(slot..).next() {
        prop_assert!(slot.addr().get() + words * size_of::<usize>() <= after.addr().get());
    }
    fill(slot, words);
    taken.insert(slot, words);
    Ok(())
}

fn give_back(slab: &Slab, slot: NonNull<u8>, words: usize) -> Result<(), TestCaseError> {
    prop_assert!(
        is_filled(slot, words),
        "the contents of a slot were overwritten"
    );
    // SAFETY: allocated with this layout, and removed from the map.
    unsafe { slab.deallocate(slot, layout(words)) };
    Ok(())
}

fn iterate(slab: &Slab, taken: &Taken) -> Result<(), TestCaseError> {
    let mut cursor = Cursor::default();
    let mut met: Vec<NonNull<u8>> = std::iter::from_fn(|| slab.task(&mut cursor))
        .map(|task| task.cast())
        .collect();
    met.sort();
    let held = taken.iter().filter(|(_, words)| holds(layout(**words)));
    let known: Vec<_> = held.map(|(slot, _)| *slot).collect();
    prop_assert_eq!(slab.len(), known.len());
    prop_assert_eq!(met, known);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn slots_do_not_overlap_and_an_iteration_returns_each_once(ops in vec(op(), 1..200)) {
        let slab = Slab::new();
        let mut taken = Taken::new();
        for op in ops {
            match op {
                Op::Take(count, words) => {
                    for _ in 0..count {
                        take(&slab, &mut taken, words)?;
                    }
                }
                Op::Free(which, count) if !taken.is_empty() => {
                    let from = which.index(taken.len());
                    let slots: Vec<_> = taken.keys().copied().skip(from).take(count).collect();
                    for slot in slots {
                        let words = taken.remove(&slot).expect("it was taken");
                        give_back(&slab, slot, words)?;
                    }
                }
                Op::Trim => slab.trim(),
                _ => iterate(&slab, &taken)?,
            }
        }
        iterate(&slab, &taken)?;
        for (slot, words) in std::mem::take(&mut taken) {
            give_back(&slab, slot, words)?;
        }
        iterate(&slab, &taken)?;
        slab.trim();
        prop_assert!(slab.all.borrow().len() <= SPARE + CLASSES);
    }
}

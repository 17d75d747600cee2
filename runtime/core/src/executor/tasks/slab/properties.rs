//! The slab against a map of what was taken: places do not overlap, nobody writes into them, and a
//! walk meets each once.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    /// So many places of so many words.
    Take(usize, usize),
    /// So many of those taken, beginning at one of them.
    GiveBack(prop::sample::Index, usize),
    Walk,
    Trim,
}

/// A few sizes, so that each has several chunks at times.
fn op() -> impl Strategy<Value = Op> {
    let words = prop::sample::select(vec![2_usize, 9, 10, 40, 128, 200]);
    prop_oneof![
        4 => (1..60_usize, words).prop_map(|(count, words)| Op::Take(count, words)),
        3 => (any::<prop::sample::Index>(), 1..90_usize)
            .prop_map(|(which, count)| Op::GiveBack(which, count)),
        1 => Just(Op::Walk),
        1 => Just(Op::Trim),
    ]
}

fn layout(words: usize) -> Layout {
    Layout::array::<usize>(words).expect("small")
}

/// Writes words that are known again into a place; none of them is zero.
fn fill(place: NonNull<u8>, words: usize) {
    for word in 0..words {
        // SAFETY: the place has so many words, and is ours.
        unsafe {
            place
                .cast::<usize>()
                .add(word)
                .write(place.addr().get() | 1 | word << 48)
        };
    }
}

fn is_filled(place: NonNull<u8>, words: usize) -> bool {
    (0..words).all(|word| {
        // SAFETY: as above.
        let found = unsafe { place.cast::<usize>().add(word).read() };
        found == place.addr().get() | 1 | word << 48
    })
}

/// What was taken, by address, with its words.
type Taken = BTreeMap<NonNull<u8>, usize>;

fn take(slab: &Slab, taken: &mut Taken, words: usize) -> Result<(), TestCaseError> {
    let place = slab.allocate(layout(words));
    prop_assert!(place.cast::<usize>().is_aligned());
    let before = taken.range(..place).next_back();
    if let Some((before, words)) = before {
        prop_assert!(before.addr().get() + words * 8 <= place.addr().get());
    }
    if let Some((after, _)) = taken.range(place..).next() {
        prop_assert!(place.addr().get() + words * 8 <= after.addr().get());
    }
    fill(place, words);
    taken.insert(place, words);
    Ok(())
}

fn give_back(slab: &Slab, place: NonNull<u8>, words: usize) -> Result<(), TestCaseError> {
    prop_assert!(is_filled(place, words), "someone wrote into a place");
    // SAFETY: taken with this layout, and taken off the map.
    unsafe { slab.deallocate(place, layout(words)) };
    Ok(())
}

fn walk(slab: &Slab, taken: &Taken) -> Result<(), TestCaseError> {
    let mut cursor = Cursor::default();
    let mut met: Vec<NonNull<u8>> = std::iter::from_fn(|| slab.task(&mut cursor))
        .map(|task| task.cast())
        .collect();
    met.sort();
    let held = taken.iter().filter(|(_, words)| holds(layout(**words)));
    let known: Vec<_> = held.map(|(place, _)| *place).collect();
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
    fn places_are_apart_and_a_walk_meets_each_once(ops in vec(op(), 1..200)) {
        let slab = Slab::new();
        let mut taken = Taken::new();
        for op in ops {
            match op {
                Op::Take(count, words) => {
                    for _ in 0..count {
                        take(&slab, &mut taken, words)?;
                    }
                }
                Op::GiveBack(which, count) if !taken.is_empty() => {
                    let from = which.index(taken.len());
                    let places: Vec<_> = taken.keys().copied().skip(from).take(count).collect();
                    for place in places {
                        let words = taken.remove(&place).expect("it was taken");
                        give_back(&slab, place, words)?;
                    }
                }
                Op::Trim => slab.trim(),
                _ => walk(&slab, &taken)?,
            }
        }
        walk(&slab, &taken)?;
        for (place, words) in std::mem::take(&mut taken) {
            give_back(&slab, place, words)?;
        }
        walk(&slab, &taken)?;
        slab.trim();
        prop_assert!(slab.all.borrow().len() <= SPARE + CLASSES);
    }
}

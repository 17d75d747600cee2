//! Compares the table of descriptors with a map that forgets nothing: a key is given out once, and
//! leads to its source until the source is removed.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Insert,
    /// Removes one of the registered sources.
    Remove(prop::sample::Index),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Insert),
        any::<prop::sample::Index>().prop_map(Op::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_key_leads_to_its_source_while_it_is_registered_and_to_none_later(
        ops in vec(op(), 1..150),
    ) {
        let mut registrations = Registrations::default();
        // All keys that were ever given out; `None` for those of removed sources.
        let mut reference: BTreeMap<usize, Option<Rc<State>>> = BTreeMap::new();
        for op in ops {
            let there: Vec<_> = reference
                .iter()
                .filter_map(|(key, state)| state.clone().map(|state| (*key, state)))
                .collect();
            match op {
                Op::Remove(which) if !there.is_empty() => {
                    let (key, state) = which.get(&there);
                    let removed = registrations.remove(*key).expect("it is there");
                    prop_assert!(Rc::ptr_eq(&removed, state));
                    reference.insert(*key, None);
                }
                _ => {
                    let state = Rc::new(State::default());
                    let key = registrations.insert(state.clone());
                    prop_assert!(reference.insert(key, Some(state)).is_none(), "given out twice");
                }
            }
            for (key, state) in &reference {
                let found = registrations.get(*key).map(Rc::as_ptr);
                prop_assert_eq!(found, state.as_ref().map(Rc::as_ptr));
            }
            let there = reference.values().flatten();
            prop_assert_eq!(registrations.len(), there.clone().count());
            let mut all: Vec<_> = registrations.iter().map(Rc::as_ptr).collect();
            let mut known: Vec<_> = there.map(Rc::as_ptr).collect();
            all.sort();
            known.sort();
            prop_assert_eq!(all, known);
        }
        // No key is that of a notifier.
        for key in reference.keys() {
            prop_assert!(*key < usize::MAX - 1);
        }
    }
}

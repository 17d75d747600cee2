//! Compares the slabs with maps that forget nothing: an index belongs to one owner at a time, a key
//! is given out once, and an entry has what its owner has put there.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    /// Takes an entry and puts a value there.
    Allocate(u32),
    /// Changes one of the entries in use.
    Set(sample::Index, u32),
    /// Empties and releases one of the entries in use.
    Release(sample::Index),
}

fn op() -> impl Strategy<Value = Op> {
    let which = || any::<sample::Index>();
    let value = || 1..u32::MAX;
    prop_oneof![
        3 => value().prop_map(Op::Allocate),
        1 => (which(), value()).prop_map(|(which, value)| Op::Set(which, value)),
        2 => which().prop_map(Op::Release),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_index_belongs_to_one_owner_and_leads_to_its_value(ops in vec(op(), 1..150)) {
        let mut slab = Slab::<u32>::new();
        let mut reference = BTreeMap::<usize, u32>::new();
        let mut most = 0;
        for op in ops {
            let used: Vec<usize> = reference.keys().copied().collect();
            match op {
                Op::Set(which, value) if !used.is_empty() => {
                    let index = *which.get(&used);
                    slab[index] = value;
                    reference.insert(index, value);
                }
                Op::Release(which) if !used.is_empty() => {
                    let index = *which.get(&used);
                    slab[index] = 0;
                    slab.release(index);
                    reference.remove(&index);
                }
                Op::Allocate(value) | Op::Set(_, value) => {
                    let index = slab.allocate();
                    prop_assert_eq!(slab[index], 0);
                    slab[index] = value;
                    prop_assert!(reference.insert(index, value).is_none(), "in use");
                }
                Op::Release(_) => {}
            }
            most = most.max(reference.len());
            prop_assert_eq!(slab.len(), reference.len());
            // Vacant entries are used before new ones are made.
            prop_assert_eq!(slab.entries().len(), most);
            for (index, &value) in slab.entries().iter().enumerate() {
                prop_assert_eq!(value, reference.get(&index).copied().unwrap_or(0));
            }
        }
    }

    #[test]
    fn a_key_is_given_out_once_and_leads_to_its_value_until_its_release(
        ops in vec(op(), 1..150),
    ) {
        let mut slab = KeyedSlab::<u32, 31>::default();
        // All keys that were ever given out; `None` for released ones.
        let mut reference = BTreeMap::<Key, Option<u32>>::new();
        for op in ops {
            let used = reference.iter().filter(|(_, value)| value.is_some());
            let used: Vec<Key> = used.map(|(&key, _)| key).collect();
            match op {
                Op::Set(which, value) if !used.is_empty() => {
                    let key = *which.get(&used);
                    slab[key] = value;
                    reference.insert(key, Some(value));
                }
                Op::Release(which) if !used.is_empty() => {
                    let key = *which.get(&used);
                    slab[key] = 0;
                    slab.release(key);
                    reference.insert(key, None);
                }
                Op::Allocate(value) | Op::Set(_, value) => {
                    let key = slab.allocate();
                    slab[key] = value;
                    prop_assert!(reference.insert(key, Some(value)).is_none(), "given out twice");
                }
                Op::Release(_) => {}
            }
            for (key, value) in &reference {
                prop_assert_eq!(slab.get(*key).copied(), *value);
            }
            let known: Vec<_> = reference.iter().filter_map(|(&k, &v)| Some((k, v?))).collect();
            prop_assert_eq!(slab.len(), known.len());
            let iterated = slab.iter().map(|(key, &value)| (key, value));
            let iterated: Vec<_> = iterated.filter(|&(_, value)| value != 0).collect();
            prop_assert_eq!(iterated, known);
        }
    }
}

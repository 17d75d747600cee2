//! Compares the wheel with a sorted map, over 64,000 operations that `proptest` makes and shrinks.
//! `PROPTEST_CASES=16000` makes it four million.

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::Pair;

const ENTRIES: usize = 32;

#[derive(Clone, Debug)]
enum Op {
    Arm(usize, u64),
    Disarm(usize),
    Pass(u64),
    Wakeups(usize),
}

/// Times of every magnitude, and times that are close to one another.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0..60_u32, any::<u64>()).prop_map(|(bits, random)| random % (1 << bits)),
        (0..20_u64).prop_map(|more| 30_000_000_000 + more),
        0..200_000_u64,
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..ENTRIES, span()).prop_map(|(name, after)| Op::Arm(name, after)),
        2 => (0..ENTRIES).prop_map(Op::Disarm),
        1 => (0..34_u32, any::<u64>()).prop_map(|(bits, random)| Op::Pass(random % (1 << bits))),
        1 => (1..4_usize).prop_map(Op::Wakeups),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_wheel_is_a_sorted_map(ops in vec(op(), 2000)) {
        let mut pair = Pair::new(ENTRIES);
        for op in ops {
            match op {
                Op::Arm(name, after) => pair.insert(name, pair.now.saturating_add(after)),
                Op::Disarm(name) => pair.remove(name),
                Op::Pass(time) => pair.advance(pair.now.saturating_add(time)),
                Op::Wakeups(count) => pair.run(count),
            }
            pair.check();
        }
        pair.run(usize::MAX);
        prop_assert!(pair.model.is_empty());
        prop_assert_eq!(pair.wheel.next(), None);
    }
}

//! Checks exercise 26.

#[cfg_attr(feature = "solutions", path = "../solutions/26.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/26.rs")]
mod program;

use std::process::ExitCode;

use program::Heap;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "So it should be. But draw the heap after the first `pop`: 4 is on top, above 3 and 2. \
             Which of the two does it change places with?",
        ),
        (
            'b',
            "After the first `pop`, 4 sinks to the left, so 3 is on top, above 2. The next `pop` \
             takes 3.",
        ),
        (
            'c',
            "The second `pop` takes 3 and puts the last entry, 2, on top. It is due before 4.",
        ),
        (
            'd',
            "The first `pop` takes the top, which is 1: `insert` is right.",
        ),
    ],
    shipped: "is due later than",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

/// Returns a complaint if an entry is due later than one below it.
fn broken(heap: &Heap, after: &str) -> Option<String> {
    let entries = &heap.entries;
    let wrong = (1..entries.len()).find(|&below| entries[(below - 1) / 2] > entries[below])?;
    let above = (wrong - 1) / 2;
    Some(format!(
        "After {after} the heap is {entries:?}: {} at {above} is due later than {} at {wrong}, which \
         is below it.",
        entries[above], entries[wrong]
    ))
}

fn check() -> Verdict {
    step("in `pop`");
    let mut empty = Heap::default();
    ensure!(
        empty.pop().is_none(),
        "`pop` of an empty heap returned a timer."
    );
    let mut random = 1_u64;
    for count in (1..40).chain([1000]) {
        let mut heap = Heap::default();
        let mut sorted = Vec::new();
        for _ in 0..count {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let due = (random >> 33) % 50;
            heap.insert(due);
            sorted.push(due);
        }
        sorted.sort_unstable();
        for due in sorted {
            let before = heap.entries.clone();
            let popped = heap.pop();
            ensure!(
                popped == Some(due),
                "The heap was {before:?}, and `pop` returned {popped:?}, not {due}."
            );
            ensure!(
                heap.entries.len() + 1 == before.len(),
                "The heap had {} entries, and after `pop` it has {}.",
                before.len(),
                heap.entries.len()
            );
            if let Some(complaint) = broken(&heap, &format!("`pop` of the heap {before:?}")) {
                return Err(complaint);
            }
            // A path has one entry on each level, so few entries have changed.
            let changed = heap
                .entries
                .iter()
                .zip(&before)
                .filter(|(a, b)| a != b)
                .count();
            ensure!(
                changed <= 2 + before.len().ilog2() as usize,
                "A `pop` of {} entries changed {changed} of them. Only those on one path may move.",
                before.len()
            );
        }
    }
    Ok(())
}

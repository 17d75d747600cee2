//! What a loop shows of itself to the watchdog: which poll goes on, and whose it is.

use std::num::NonZeroU64;
use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::model;
use crate::observe::Beat;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::task::Id;

fn id(number: u64) -> Id {
    Id::new(NonZeroU64::new(number).expect("not zero"))
}

/// Two tasks, one after the other, in the same slot; poll and task have the same number.
fn run_two(beat: &Beat) {
    for number in [1, 2] {
        beat.roster.enter(0, id(number), Location::caller());
        beat.begin(number as u32, 0);
    }
}

#[test]
fn the_task_of_the_poll_that_goes_on() {
    model(|| {
        let beat = Arc::new(Beat::new());
        let shown = beat.clone();
        let thread = thread::spawn(move || run_two(&shown));
        if let Some(stuck) = beat.look()
            && let Some(who) = beat.who(stuck)
        {
            assert_eq!(who.id.as_u64(), stuck.number(), "another task was named");
            assert!(who.location.is_some());
        }
        thread.join().unwrap();
        // Nothing runs any more, so nothing can have changed meanwhile.
        let stuck = beat.look().expect("a poll goes on");
        assert_eq!(beat.who(stuck).map(|who| who.id), Some(id(2)));
    });
}

/// The slot is read, and the word not once more.
#[test]
#[should_panic(expected = "another task was named")]
fn without_the_second_look() {
    model(|| {
        let beat = Arc::new(Beat::new());
        let shown = beat.clone();
        let thread = thread::spawn(move || run_two(&shown));
        if let Some(stuck) = beat.look()
            && let Some(who) = beat.roster.look(0)
        {
            assert_eq!(who.id.as_u64(), stuck.number(), "another task was named");
        }
        thread.join().unwrap();
    });
}

/// A copy whose newcomer does not release: the reader may see it, and still the word of before.
#[test]
#[should_panic(expected = "another task was named")]
fn without_the_release_of_the_newcomer() {
    model(|| {
        let shared = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let writer = shared.clone();
        let thread = thread::spawn(move || {
            let (word, id) = &*writer;
            for number in [1, 2] {
                id.store(number, Ordering::Relaxed);
                word.store(number, Ordering::Release);
            }
        });
        let (word, id) = &*shared;
        let seen = word.load(Ordering::Acquire);
        let named = id.load(Ordering::Acquire);
        if seen != 0 && word.load(Ordering::Relaxed) == seen {
            assert_eq!(named, seen, "another task was named");
        }
        thread.join().unwrap();
    });
}

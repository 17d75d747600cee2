//! What a loop shows of itself to the watchdog: which poll goes on, and whose it is.

use std::num::NonZeroU64;
use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::model;
use crate::observe::{PollMarker, StuckPoll, TaskInfo};
use crate::primitives::atomic::{AtomicU64, Ordering};
use crate::task::Id;

fn id(number: u64) -> Id {
    Id::new(NonZeroU64::new(number).expect("not zero"))
}

/// Two tasks and one look for all interleavings, more for random ones.
const TASKS: u64 = if cfg!(shuttle) { 20 } else { 2 };
const LOOKS: usize = if cfg!(shuttle) { 30 } else { 1 };

/// Tasks, one after the other, in the same slot; poll and task have the same number.
fn run_all(marker: &PollMarker, between: fn(&PollMarker)) {
    for number in 1..=TASKS {
        marker.tasks.insert(0, id(number), Location::caller());
        marker.begin(number as u32, 0);
        if number < TASKS {
            between(marker);
        }
    }
}

/// Checks that the detector names the task that was polled when it read the marker.
fn the_right_one_is_named(
    between: fn(&PollMarker),
    who: fn(&PollMarker, StuckPoll) -> Option<TaskInfo>,
) {
    let marker = Arc::new(PollMarker::new());
    let shown = marker.clone();
    let thread = thread::spawn(move || run_all(&shown, between));
    for _ in 0..LOOKS {
        if let Some(stuck) = marker.current()
            && let Some(who) = who(&marker, stuck)
        {
            assert_eq!(who.id.as_u64(), stuck.number(), "another task was named");
            assert!(who.location.is_some());
        }
    }
    thread.join().unwrap();
    // Nothing runs any more, so nothing can have changed meanwhile.
    let stuck = marker.current().expect("a poll goes on");
    assert_eq!(marker.task(stuck).map(|who| who.id), Some(id(TASKS)));
}

#[test]
fn the_task_of_the_poll_that_goes_on() {
    model(|| the_right_one_is_named(PollMarker::idle, PollMarker::task));
}

/// The slot is read, and the word not once more.
#[test]
#[should_panic(expected = "another task was named")]
fn without_the_second_look() {
    model(|| the_right_one_is_named(PollMarker::idle, |marker, _| marker.tasks.get(0)));
}

/// The second task takes the slot while the word still tells of the first.
#[test]
#[should_panic(expected = "another task was named")]
fn without_a_change_of_the_word() {
    model(|| the_right_one_is_named(|_| (), PollMarker::task));
}

/// A copy whose newcomer does not release: the reader may see it, and still the word of before.
#[test]
#[cfg_attr(shuttle, ignore = "takes a weaker memory than shuttle has")]
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
                // Between the two polls, no task is polled.
                if number == 1 {
                    word.store(0, Ordering::Release);
                }
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

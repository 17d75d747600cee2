//! Model of the marker that shows the current poll and its task to the stall detector.

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

/// Two tasks and one read of the marker under loom, more under shuttle.
const TASKS: u64 = if cfg!(shuttle) { 20 } else { 2 };
const READS: usize = if cfg!(shuttle) { 30 } else { 1 };

/// Polls tasks one after the other, in the same slot. A poll has the number of its task.
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
fn the_polled_task_is_named(
    between: fn(&PollMarker),
    named: fn(&PollMarker, StuckPoll) -> Option<TaskInfo>,
) {
    let marker = Arc::new(PollMarker::new());
    let shown = marker.clone();
    let thread = thread::spawn(move || run_all(&shown, between));
    for _ in 0..READS {
        if let Some(stuck) = marker.current()
            && let Some(task) = named(&marker, stuck)
        {
            assert_eq!(task.id.as_u64(), stuck.number(), "another task was named");
            assert!(task.location.is_some());
        }
    }
    thread.join().unwrap();
    // The other thread has ended, so the marker does not change between the two reads.
    let stuck = marker.current().expect("the last poll has not ended");
    assert_eq!(marker.task(stuck).map(|task| task.id), Some(id(TASKS)));
}

#[test]
fn the_detector_names_the_task_of_the_current_poll() {
    model(|| the_polled_task_is_named(PollMarker::idle, PollMarker::task));
}

/// Reads the slot without reading the word again afterwards.
#[test]
#[should_panic(expected = "another task was named")]
fn without_the_second_read_of_the_word() {
    model(|| the_polled_task_is_named(PollMarker::idle, |marker, _| marker.tasks.get(0)));
}

/// Writes the second task into the slot while the word still names the poll of the first.
#[test]
#[should_panic(expected = "another task was named")]
fn without_a_change_of_the_word() {
    model(|| the_polled_task_is_named(|_| (), PollMarker::task));
}

/// A copy that stores the id of the next task without `Release`: the reader may see the new id
/// together with the old word.
#[test]
#[cfg_attr(shuttle, ignore = "fails only in a weaker memory model than shuttle's")]
#[should_panic(expected = "another task was named")]
fn without_the_release_of_the_next_id() {
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

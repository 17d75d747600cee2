//! The complete stories of small programs.

use std::future::pending;
use std::time::Duration;

use wakeful::task::yield_now;
use wakeful::time::{pause, sleep};
use wakeful::trace::{self, Level};

use super::{named, record};

#[track_caller]
fn assert_story(snapshot: &trace::Snapshot, story: &[&str]) {
    let printed = snapshot.to_string();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines, story, "\n{printed}");
}

#[test]
fn a_task_is_spawned_and_joined() {
    let snapshot = record(Level::Wakes, async {
        named("worker", async { trace::mark("at work") })
            .await
            .unwrap();
    });
    assert_story(
        &snapshot,
        &[
            "main is spawned",
            "main is polled, for the first time: pending",
            "worker is spawned by main",
            "worker is polled, for the first time: ready",
            "worker marks \"at work\"",
            "worker is done: ready",
            "worker wakes main: queued",
            "main is polled, because worker woke it: ready",
            "worker is freed",
        ],
    );
}

#[test]
fn a_sleep_in_virtual_time() {
    let snapshot = record(Level::Wakes, async {
        pause();
        sleep(Duration::from_secs(3600)).await;
        let slow = wakeful::time::timeout(Duration::from_secs(1), yield_now());
        slow.await.unwrap();
    });
    assert_story(
        &snapshot,
        &[
            "main is spawned",
            "main is polled, for the first time: pending",
            "main arms timer 0",
            "timer 0 fires",
            "timer 0 wakes main: queued",
            "main is polled, because timer 0 woke it: pending",
            "main wakes main by reference: queued again, during its own poll",
            "main arms timer 1",
            "main is polled, because main woke it: ready",
            "timer 1 is cancelled",
        ],
    );
}

#[test]
fn a_task_is_aborted() {
    let snapshot = record(Level::Wakes, async {
        let task = named("victim", pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_story(
        &snapshot,
        &[
            "main is spawned",
            "main is polled, for the first time: pending",
            "victim is spawned by main",
            "main wakes main by reference: queued again, during its own poll",
            "victim is polled, for the first time: pending",
            "main is polled, because main woke it: pending",
            "victim is polled: cancelled",
            "victim is done: cancelled",
            "victim wakes main: queued",
            "main is polled, because victim woke it: ready",
            "victim is freed",
        ],
    );
}

#[test]
fn wakers_are_cloned_and_dropped() {
    let snapshot = record(Level::Clones, async {
        let waker = named("sleeper", crate::support::my_waker()).await.unwrap();
        let other = waker.clone();
        other.wake_by_ref();
        drop(other);
        waker.wake();
    });
    assert_story(
        &snapshot,
        &[
            "main is spawned",
            "main is polled, for the first time: pending",
            "sleeper is spawned by main",
            "a waker of main is cloned, wakers now: 1",
            "sleeper is polled, for the first time: ready",
            "a waker of sleeper is cloned, wakers now: 1",
            "sleeper is done: ready, wakers left: 1",
            "sleeper wakes main: queued",
            "main is polled, because sleeper woke it: ready",
            "a waker of sleeper is cloned, wakers now: 2",
            "main wakes sleeper by reference: nothing, it is over",
            "a waker of sleeper is dropped, wakers now: 1",
            "main wakes sleeper: nothing, it is over",
            "sleeper is freed",
        ],
    );
}

#[test]
fn tasks_of_the_same_name_are_distinguished_and_nameless_ones_have_a_number() {
    let snapshot = record(Level::Polls, async {
        let tasks = [named("twin", async {}), named("twin", async {})];
        wakeful::spawn(async {}).await.unwrap();
        drop(tasks);
    });
    let story = snapshot.to_string();
    for part in [
        "twin (1.1) is spawned by main",
        "twin (2.1) is",
        "task 3.1 is done: ready",
    ] {
        assert!(story.contains(part), "{story}");
    }
}

#[test]
fn times_and_places_are_printed_in_the_alternate_form() {
    let snapshot = record(Level::Wakes, async {
        named("worker", async {}).await.unwrap()
    });
    let story = format!("{snapshot:#}");
    assert!(story.lines().all(|line| line.contains(" µs ")), "{story}");
    assert!(story.contains("tests/trace.rs:"), "{story}");
}

//! What exactly is cloned and dropped? Every waker of the task `worker`, from its clone to its end.
//!
//! `poll` borrows a waker, which costs nothing. Code that wakes the task later needs a clone. So
//! the number of clones is the number of places that may wake the task.
//!
//! Look at the pairs: each clone ends once, by `wake` or by a drop. A future that is ready at once
//! clones no waker. And of two polls of the same sleep only the first clones: the stored waker
//! would wake the same task, so it is not replaced.
//!
//! `cargo run --example lab_11_clones_and_drops`; then exercise 11, `exercises/11.rs`.

use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::trace::{Kind, Level, Snapshot, mark};
use wakeful_lab as lab;

async fn work() {
    mark("a future that is ready at once");
    ready(()).await;

    mark("a sleep that fires");
    sleep(Duration::from_millis(1)).await;

    mark("a sleep that is polled twice, then dropped");
    {
        let mut long = pin!(sleep(Duration::from_secs(3600)));
        for _ in 0..2 {
            poll_fn(|cx| Poll::Ready(long.as_mut().poll(cx).is_pending())).await;
            yield_now().await; // wakes by reference: the borrowed waker is enough
        }
    }
    mark("the end");
}

/// Counts the events for which `of` returns the task `worker`.
fn count(snapshot: &Snapshot, of: impl Fn(&Kind) -> Option<usize>) -> usize {
    let worker = lab::task(snapshot, "worker");
    let events = snapshot.events().iter();
    events
        .filter(|event| of(&event.kind) == Some(worker))
        .count()
}

fn main() {
    let snapshot = lab::record(Level::Clones, async {
        lab::spawn("worker", work())
            .await
            .expect("it does not panic");
    });
    lab::show("11_clones_and_drops", &snapshot);

    let clones = count(&snapshot, |kind| match *kind {
        Kind::Clone { task, .. } => Some(task),
        _ => None,
    });
    let drops = count(&snapshot, |kind| match *kind {
        Kind::Drop { task, .. } => Some(task),
        _ => None,
    });
    let consumed = count(&snapshot, |kind| match *kind {
        Kind::Wake {
            task,
            by_ref: false,
            ..
        } => Some(task),
        _ => None,
    });
    println!(
        "Wakers of the worker: {clones} cloned, {consumed} consumed by wake, {drops} dropped."
    );

    // One clone for each place that keeps a waker, and each clone ends exactly once.
    assert_eq!((clones, consumed, drops), (2, 1, 1));
    lab::assert_story(
        &snapshot,
        &[
            "worker marks \"a future that is ready at once\"",
            "worker marks \"a sleep that fires\"",
            "a waker of worker is cloned, wakers now: 1",
            "timer 0 wakes worker: queued",
            "worker marks \"a sleep that is polled twice, then dropped\"",
            "a waker of worker is cloned, wakers now: 1",
            "worker wakes worker by reference: queued again, during its own poll",
            "a waker of worker is dropped, wakers now: 0",
            "worker marks \"the end\"",
        ],
    );
}

//! What exactly is cloned and dropped? Every waker that `worker` has, from its making to its end.
//!
//! A poll lends a waker; that costs nothing. Code that wakes the task later needs a clone. So a
//! clone is a promise to wake, and you can count the promises.
//!
//! Look at the pairs: each `cloned` has one end, a `wake` or a `dropped`. A future that is ready at
//! once clones nothing. And of two polls of the same sleep only the first clones: the waker that is
//! kept would wake the same task, so there is nothing to replace.
//!
//! `cargo run --example lab_11_clones_and_drops`

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

/// Events of a kind, of one task.
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
    let used_up = count(&snapshot, |kind| match *kind {
        Kind::Wake {
            task,
            by_ref: false,
            ..
        } => Some(task),
        _ => None,
    });
    println!(
        "Of the worker's wakers {clones} were cloned, {used_up} used up by wake, {drops} dropped."
    );

    // One clone for each place that keeps a waker, and each clone ends exactly once.
    assert_eq!((clones, used_up, drops), (2, 1, 1));
    lab::assert_told(
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

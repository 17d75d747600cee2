//! A future does nothing until it is polled. What polls it first, and what does the poll return?
//!
//! An `async` block is a value, and creating it runs none of its code. `spawn` queues a task, and
//! the executor polls it for the first time when its turn comes.
//!
//! Look at the order of the marks: the worker's first line runs after `main` has begun to wait. And
//! look at what the polls return: `pending` at the sleep, `ready` at the end.
//! (A poll is printed at the time when it begins, together with its result.)
//!
//! `cargo run --example lab_08_first_poll`; then exercise 08, `exercises/08.rs`.

use std::time::Duration;

use wakeful::time::sleep;
use wakeful::trace::{End, Level, mark};
use wakeful_lab as lab;

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let forgotten = async { mark("this line never runs") };
        drop(forgotten); // neither awaited nor spawned: never polled

        let work = async {
            mark("the first line of the work");
            sleep(Duration::from_millis(1)).await;
            mark("the last line of the work");
            42
        };
        mark("the future is created");
        let worker = lab::spawn("worker", work);
        mark("the task is spawned; main waits now");
        let answer = worker.await.expect("the worker does not panic");
        assert_eq!(answer, 42);
    });
    lab::show("08_first_poll", &snapshot);

    println!("Creating the future ran none of its code, and neither did spawning it.");
    println!("The executor polled the new task: pending, at the sleep.");
    println!("The timer woke it, and the second poll ran to the end: ready.");

    // The executor polls first, after the spawn, and that poll runs to the first wait.
    lab::assert_story(
        &snapshot,
        &[
            "main marks \"the future is created\"",
            "worker is spawned by main",
            "main marks \"the task is spawned; main waits now\"",
            "worker is polled, for the first time: pending",
            "worker marks \"the first line of the work\"",
            "timer 0 wakes worker: queued",
            "worker is polled, because timer 0 woke it: ready",
            "worker marks \"the last line of the work\"",
        ],
    );
    assert_eq!(lab::polls(&snapshot, "worker"), [End::Pending, End::Ready]);
    assert!(!snapshot.to_string().contains("never runs"));
}

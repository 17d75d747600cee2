//! Nothing happens until it is polled: who polled first, and what did that return?
//!
//! An `async` block is a value. Making it runs nothing; a task is polled first because it was
//! spawned, by the executor, when its turn comes.
//!
//! Look at the order of the marks: the worker's first line runs after `main` has begun to wait. And
//! look at what the polls return: `pending` at the sleep, `ready` at the end.
//! (A poll stands where it begins, together with how it will end.)
//!
//! `cargo run --example lab_08_first_poll`

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
        mark("the work is made");
        let worker = lab::spawn("worker", work);
        mark("the work is spawned; now I wait");
        let answer = worker.await.expect("the worker does not panic");
        assert_eq!(answer, 42);
    });
    lab::show("08_first_poll", &snapshot);

    println!("Making the future ran nothing, and spawning it ran nothing.");
    println!("The executor polled it first, because it was new: pending, at the sleep.");
    println!("The timer woke it, and the second poll ran to the end: ready.");

    // The first poll comes from the executor, after the spawn, and runs to the first wait.
    lab::assert_told(
        &snapshot,
        &[
            "main marks \"the work is made\"",
            "worker is spawned by main",
            "main marks \"the work is spawned; now I wait\"",
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

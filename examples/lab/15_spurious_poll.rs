//! Why is it polled though nothing is ready? Because its neighbour was.
//!
//! A task has one waker. If it waits for three doors with `join`, each door wakes the task, and the
//! task polls whatever it has: the doors that are still shut, too. So a future must be able to
//! bear a poll for nothing, and look for itself.
//!
//! `FuturesUnordered` gives each of its futures a waker of its own, and polls only those that were
//! woken. Compare how often the doors are looked at.
//!
//! `cargo run --example lab_15_spurious_poll`

use futures_util::future::join3;
use futures_util::stream::{FuturesUnordered, StreamExt};
use wakeful::trace::{End, Level, mark};
use wakeful_lab::{self as lab, Door};

/// Opens one door after the other, last door first, and lets the waiting task look each time.
async fn open_all(doors: &[Door; 3]) {
    for door in doors.iter().rev() {
        lab::settle().await;
        mark("a door opens");
        door.open();
    }
    lab::settle().await;
}

fn looks(doors: &[Door; 3]) -> [u32; 3] {
    [0, 1, 2].map(|door| doors[door].looks())
}

fn main() {
    let joined = <[Door; 3]>::default();
    let unordered = <[Door; 3]>::default();
    let snapshot = lab::record(Level::Wakes, async {
        let [a, b, c] = joined.clone();
        let task = lab::spawn("join", async move {
            join3(a.opened(), b.opened(), c.opened()).await;
        });
        open_all(&joined).await;
        task.await.expect("it does not panic");

        let doors = unordered.clone();
        let task = lab::spawn("unordered", async move {
            let mut all: FuturesUnordered<_> = doors.iter().map(Door::opened).collect();
            while all.next().await.is_some() {}
        });
        open_all(&unordered).await;
        task.await.expect("it does not panic");
    });
    lab::show("15_spurious_poll", &snapshot);

    println!(
        "Looks at each door with join:             {:?}",
        looks(&joined)
    );
    println!(
        "Looks at each door with FuturesUnordered: {:?}",
        looks(&unordered)
    );
    println!(
        "Two looks are needed: one to leave the waker, one to go through. More are for nothing."
    );
    println!("For three doors that is fine. For a thousand it is half a million looks.");

    let rounds = [End::Pending, End::Pending, End::Pending, End::Ready];
    assert_eq!(lab::polls(&snapshot, "join"), rounds);
    // This task is polled once more: after a round `FuturesUnordered` wakes it and yields.
    let rounds = [[End::Pending].as_slice(), &rounds].concat();
    assert_eq!(lab::polls(&snapshot, "unordered"), rounds);
    // With `join` each poll looks at every door that is not through yet.
    assert_eq!(looks(&joined), [4, 3, 2]);
    assert_eq!(looks(&unordered), [2, 2, 2]);
}

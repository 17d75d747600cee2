//! Why is a future polled though it is not ready? Because another future of the same task is.
//!
//! All futures of a task get the same waker. If a task waits for three doors with `join`, each door
//! wakes the task, and the task polls the futures of the doors that are still shut, too. So a
//! future must check its condition at every poll, and may be polled before the condition holds.
//!
//! `FuturesUnordered` gives each of its futures a waker of its own, and polls only those that were
//! woken. Compare how often the doors are checked. `join_all` of `futures-util` does the first for
//! at most 30 futures, and the second for more.
//!
//! `cargo run --example lab_15_spurious_poll`

use futures_util::future::{join_all, join3};
use futures_util::stream::{FuturesUnordered, StreamExt};
use wakeful::trace::{End, Level, mark};
use wakeful_lab::{self as lab, Door};

/// Opens one door after the other, last door first, and lets the waiting task run each time.
async fn open_all(doors: &[Door; 3]) {
    for door in doors.iter().rev() {
        lab::settle().await;
        mark("a door opens");
        door.open();
    }
    lab::settle().await;
}

fn checks(doors: &[Door; 3]) -> [u32; 3] {
    [0, 1, 2].map(|door| doors[door].checks())
}

/// Returns the number of all checks of `count` doors. One task waits for them with `join_all`; they
/// open one after the other, last door first.
fn checks_with_join_all(count: usize) -> u32 {
    let doors: Vec<Door> = (0..count).map(|_| Door::default()).collect();
    wakeful::block_on(async {
        let joined = doors.clone();
        let task = wakeful::spawn(async move {
            join_all(joined.iter().map(Door::opened)).await;
        });
        for door in doors.iter().rev() {
            lab::settle().await;
            door.open();
        }
        task.await.expect("it does not panic");
    });
    doors.iter().map(Door::checks).sum()
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
        "Checks of each door with join:             {:?}",
        checks(&joined)
    );
    println!(
        "Checks of each door with FuturesUnordered: {:?}",
        checks(&unordered)
    );
    println!("Two checks are needed: one leaves the waker, one finds the door open.");
    let [thirty, thirty_one] = [30, 31].map(checks_with_join_all);
    println!("All checks with join_all of 30 doors: {thirty}, of 31 doors: {thirty_one}.");
    println!("With join, n doors take n * (n + 3) / 2 checks: 9 for three, 495 for 30. With more");
    println!(
        "than 30 futures join_all changes to FuturesUnordered, and each door is checked twice."
    );

    let rounds = [End::Pending, End::Pending, End::Pending, End::Ready];
    assert_eq!(lab::polls(&snapshot, "join"), rounds);
    // This task is polled once more: after a round `FuturesUnordered` wakes it and yields.
    let rounds = [[End::Pending].as_slice(), &rounds].concat();
    assert_eq!(lab::polls(&snapshot, "unordered"), rounds);
    // With `join` each poll of the task polls every future that is not ready yet.
    assert_eq!(checks(&joined), [4, 3, 2]);
    assert_eq!(checks(&unordered), [2, 2, 2]);
    // `join_all` polls all its futures as well, but only if there are at most 30.
    assert_eq!((thirty, thirty_one), (30 * 33 / 2, 31 * 2));
}

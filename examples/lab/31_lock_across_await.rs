//! A lock that is held across an `.await` is held while other tasks run.
//!
//! Two tasks add 1 to a number. Each reads it, waits a second for a server, and writes the sum. On
//! one thread no other task runs between two `.await`s, so no lock is needed there. At an `.await`
//! every other task may run, and finds the lock held:
//!
//! - A `RefCell` is borrowed: the other task panics.
//! - A `std::sync::Mutex` is locked: the other task blocks the thread, and with it the task that
//!   has the lock. Nothing ever runs again.
//! - A `wakeful::sync::Mutex` is locked: the other task returns `Pending`, and the loop goes on. It
//!   is right, but the tasks wait for each other: two seconds.
//! - Without a lock the second task reads the old number, and one addition is lost.
//! - The way out: no lock across the `.await`. Wait first, then read and write in one go.
//!
//! `clippy` warns of the first two: `await_holding_refcell_ref` and `await_holding_lock`.
//!
//! `cargo run --example lab_31_lock_across_await`

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use wakeful::sync;
use wakeful::time::{Instant, pause, sleep};
use wakeful::trace::{Level, mark};
use wakeful_lab as lab;

/// Stands for a question to a server. The clock is paused, so it takes no time.
async fn server() {
    sleep(Duration::from_secs(1)).await;
}

#[expect(
    clippy::await_holding_refcell_ref,
    reason = "the lesson shows what it does"
)]
async fn in_a_ref_cell(number: &RefCell<u32>) {
    match number.try_borrow_mut() {
        Ok(mut number) => {
            server().await;
            *number += 1;
        }
        Err(_) => println!("  borrow_mut() would panic here: it is borrowed across an await"),
    }
}

#[expect(clippy::await_holding_lock, reason = "the lesson shows what it does")]
async fn in_a_lock_of_std(number: &std::sync::Mutex<u32>) {
    match number.try_lock() {
        Ok(mut number) => {
            server().await;
            *number += 1;
        }
        Err(_) => println!("  lock() would block the thread here, and its holder with it"),
    }
}

async fn in_a_lock_of_tasks(number: &sync::Mutex<u32>) {
    let mut number = number.lock().await;
    server().await;
    *number += 1;
}

async fn without_a_lock(number: &Cell<u32>) {
    let old = number.get();
    server().await;
    number.set(old + 1);
}

async fn after_the_await(number: &Cell<u32>) {
    server().await;
    number.set(number.get() + 1);
}

/// Runs `add` in two tasks. Returns the number, and the seconds until both have ended.
async fn twice<N, F>(name: &'static str, add: impl Fn(Rc<N>) -> F, get: fn(&N) -> u32) -> (u32, u64)
where
    N: Default,
    F: Future<Output = ()> + 'static,
{
    println!("{name}:");
    mark(name);
    let (number, start) = (Rc::new(N::default()), Instant::now());
    let tasks = ["first", "second"].map(|task| {
        let name = format!("{task}, {name}");
        lab::spawn(&name, add(number.clone()))
    });
    for task in tasks {
        task.await.expect("no task panics");
    }
    let result = (get(&number), start.elapsed().as_secs());
    println!("  the number is {}, after {} s", result.0, result.1);
    result
}

fn main() {
    wakeful::block_on(async {
        pause();
        // Only the first task could add.
        let cell = |n: Rc<RefCell<u32>>| async move { in_a_ref_cell(&n).await };
        assert_eq!(twice("RefCell", cell, |n| *n.borrow()).await, (1, 1));
        let std = |n: Rc<std::sync::Mutex<u32>>| async move { in_a_lock_of_std(&n).await };
        let get = |n: &std::sync::Mutex<u32>| *n.lock().expect("no thread panicked");
        assert_eq!(twice("std's Mutex", std, get).await, (1, 1));
    });
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        // Right, but one after the other.
        let tasks = |n: Rc<sync::Mutex<u32>>| async move { in_a_lock_of_tasks(&n).await };
        let get = |n: &sync::Mutex<u32>| *n.try_lock().expect("it is released");
        assert_eq!(twice("sync::Mutex", tasks, get).await, (2, 2));
        // Fast, but an addition is lost.
        let none = |n: Rc<Cell<u32>>| async move { without_a_lock(&n).await };
        assert_eq!(twice("no lock", none, Cell::get).await, (1, 1));
        // Right and fast.
        let after = |n: Rc<Cell<u32>>| async move { after_the_await(&n).await };
        assert_eq!(twice("after the await", after, Cell::get).await, (2, 1));
    });
    lab::show("31_lock_across_await", &snapshot);

    println!("Before each `.await` ask what you hold, and which task could want it meanwhile.");

    // The second task waits for the lock, which the first one has until its timer has fired. So its
    // own timer begins a second later.
    lab::assert_story(
        &snapshot,
        &[
            "first, sync::Mutex arms timer 0",
            "second, sync::Mutex is polled, for the first time: pending",
            "timer 0 fires",
            "first, sync::Mutex is polled, because timer 0 woke it: ready",
            "second, sync::Mutex arms timer 1",
        ],
    );
    assert_eq!(lab::polls(&snapshot, "second, sync::Mutex").len(), 3);
    assert_eq!(lab::polls(&snapshot, "second, after the await").len(), 2);
}

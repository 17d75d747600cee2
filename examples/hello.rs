//! Tasks, time and shared state on one thread: `cargo run --example hello`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use wakeful::task::{JoinSet, yield_now};
use wakeful::time::{Instant, sleep, timeout};

#[wakeful::main]
async fn main() {
    // The task runs concurrently with this one. The handle is a future of its result.
    let task = wakeful::spawn(async {
        sleep(Duration::from_millis(100)).await;
        "hello from a task"
    });
    println!("{}", task.await.expect("the task does not panic"));

    // All tasks share one thread, so they share data without locks: between two `.await`s of a
    // task no other task runs.
    let log = Rc::new(RefCell::new(Vec::new()));
    let mut set = JoinSet::new();
    for name in ["a", "b"] {
        let log = log.clone();
        set.spawn(async move {
            for step in 1..=3 {
                log.borrow_mut().push(format!("{name}{step}"));
                yield_now().await; // lets the other task run
            }
        });
    }
    while let Some(done) = set.join_next().await {
        done.expect("the tasks do not panic");
    }
    println!("the tasks took turns: {}", log.borrow().join(" "));

    // Waiting takes no processor time: these two sleep at the same time.
    let start = Instant::now();
    let nap = Duration::from_millis(200);
    wakeful::join!(sleep(nap), sleep(nap));
    println!(
        "two sleeps of {nap:?} at the same time took {:.1?}",
        start.elapsed()
    );

    // Dropping a future cancels it. A timeout drops the future that it contains.
    match timeout(Duration::from_millis(50), sleep(nap)).await {
        Ok(()) => println!("never printed"),
        Err(elapsed) => println!("a sleep of {nap:?} with a timeout of 50 ms: {elapsed}"),
    }

    // Code that would block the thread runs on another one.
    let sum = wakeful::spawn_blocking(|| (1..=10_000_000_u64).sum::<u64>());
    println!(
        "computed on another thread: {}",
        sum.await.expect("no panic")
    );

    // A panic ends only its task.
    let unlucky = wakeful::spawn(async { panic!("on purpose") });
    let error: wakeful::task::JoinError = unlucky.await.unwrap_err();
    println!("the task panicked: {}; main continues", error.is_panic());
}

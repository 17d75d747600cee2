//! Two futures in one task, and one freezes: futurelock.
//!
//! `holder` has a lock. In task `two`, future A waits for that lock until a timer fires, and is
//! then kept, not dropped. The same task waits for the same lock a second time. When `holder`
//! releases the lock, A is the first waiter, so A is notified. But A is not polled: the task is in
//! the second `lock().await`. Each of the two waits for the other, in one task, with no thread
//! blocked.
//!
//! Look at the last lines: `two` is woken and polled, and returns `pending`: the poll did not reach
//! A. In the second run A is dropped before the second lock, so it is no longer a waiter.
//!
//! The lock is `wakeful::sync::Mutex`. tokio's also passes from its holder to the first waiter, and
//! freezes in the same way. `Builder::detect_deadlocks` reports such a task once nothing else can
//! run: it waits for a mutex, and no task holds the mutex.
//!
//! `cargo run --example lab_20_futurelock`; then exercise 20, `exercises/20.rs`.

use std::rc::Rc;
use std::time::Duration;

use wakeful::sync::Mutex;
use wakeful::time::{pause, sleep, timeout};
use wakeful::trace::{End, Level, mark};
use wakeful_lab as lab;

const SECOND: Duration = Duration::from_secs(1);

async fn hold(lock: Rc<Mutex<()>>) {
    let guard = lock.lock().await;
    sleep(2 * SECOND).await;
    mark("the lock is released");
    drop(guard);
}

async fn two(lock: Rc<Mutex<()>>, keep_a: bool) {
    let mut a = Box::pin(async {
        drop(lock.lock().await);
        mark("A got the lock");
    });
    // `select!` gets A by reference, so A is not dropped when the timer fires first.
    wakeful::select! {
        () = a.as_mut() => panic!("the lock is held for two seconds"),
        () = sleep(SECOND) => {}
    }
    mark("the timer fired before A got the lock");
    if !keep_a {
        drop(a);
        drop(lock.lock().await);
        return;
    }
    drop(lock.lock().await); // A is the waiter before this one, and is polled only after it
    a.await;
}

/// Returns whether task `two` ends within an hour. The clock is paused and jumps to the next timer,
/// so an hour takes no time.
async fn run(name: &str, keep_a: bool) -> bool {
    let lock = Rc::new(Mutex::new(()));
    let holder = lab::spawn("holder", hold(lock.clone()));
    let mut task = lab::spawn(name, two(lock, keep_a));
    let ended = timeout(3600 * SECOND, &mut task).await.is_ok();
    println!(
        "{name}: {}",
        if ended {
            "ends"
        } else {
            "still waits after an hour"
        }
    );
    task.abort();
    holder.await.expect("the holder does not panic");
    ended
}

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        pause();
        let kept = run("two, A kept", true).await;
        let dropped = run("two, A dropped", false).await;
        assert_eq!([kept, dropped], [false, true]);
    });
    lab::show("20_futurelock", &snapshot);

    println!("A future that is not polled remains in the wait queues that it is in.");
    println!("Before you await something else: drop it, poll both, or spawn it as a task.");

    // The wake for A came, the task was polled, and the poll did not reach A.
    lab::assert_story(
        &snapshot,
        &[
            "two, A kept marks \"the timer fired before A got the lock\"",
            "holder (1.1) marks \"the lock is released\"",
            "holder (1.1) wakes two, A kept through the mutex made at 20_futurelock.rs:58:24: queued",
            "two, A kept is polled, because holder (1.1) woke it through the mutex made at \
             20_futurelock.rs:58:24: pending",
        ],
    );
    assert_eq!(
        lab::polls(&snapshot, "two, A kept").last(),
        Some(&End::Cancelled)
    );
    assert_eq!(
        lab::polls(&snapshot, "two, A dropped").last(),
        Some(&End::Ready)
    );
}

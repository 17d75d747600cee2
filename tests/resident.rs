//! The memory of a burst of tasks goes back to the system when the burst is over. The only test of
//! its program, as it looks at the memory of the whole process.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use wakeful::sync::Notify;
use wakeful::task::yield_now;

/// The number of tasks in a burst: more than 24 MiB of them.
const TASKS: usize = 200_000;
/// KiB that may stay.
const SLACK: usize = 4096;

/// Returns the resident memory of this process in KiB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let mut words = line.unwrap().split_whitespace();
    words.nth(1).unwrap().parse().unwrap()
}

/// Runs many tasks at a time. Returns the resident memory in the middle.
async fn burst() -> usize {
    let go = Rc::new(Notify::new());
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let go = go.clone();
            wakeful::spawn(async move { go.notified().await })
        })
        .collect();
    yield_now().await;
    let most = resident();
    go.notify_waiters();
    for task in tasks {
        task.await.unwrap();
    }
    // The loop frees memory before it sleeps.
    wakeful::time::sleep(Duration::from_millis(1)).await;
    most
}

// Linux only: `/proc/self/status`.
#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_burst_of_tasks_goes_back_to_the_system() {
    wakeful::block_on(async {
        let before = resident();
        let most = burst().await;
        assert!(most > before + 24 * 1024, "{before} KiB, then {most} KiB");
        let after = resident();
        assert!(
            after < before + SLACK,
            "{before} KiB, {most} KiB, then {after} KiB"
        );
        // What the allocator keeps is used by the next burst.
        burst().await;
        let again = resident();
        assert!(
            again < before + SLACK,
            "{before} KiB, then {after} KiB, then {again} KiB"
        );
    });
}

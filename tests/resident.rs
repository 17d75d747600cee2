//! The memory of a burst of tasks: it goes back to the system when the burst is over. This program
//! has few tests, as they look at the memory of the whole process.

// Linux only: `/proc/self/status`, and the limit on the number of mappings.
#![cfg(target_os = "linux")]
// On 32 bits memory that is not that of tasks stays too, and the process runs out of addresses
// before it has as many mappings.
#![cfg(target_pointer_width = "64")]

#[path = "support/alone.rs"]
mod alone;

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

#[test]
fn tasks_are_spawned_although_the_process_has_too_many_mappings() {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
    const PAGE: usize = 64 << 10;
    alone::alone(
        "tasks_are_spawned_although_the_process_has_too_many_mappings",
        || {
            wakeful::block_on(async {
                // Neighbours with different rights are mappings of their own.
                let rights = [ProtFlags::empty(), ProtFlags::READ].into_iter().cycle();
                // SAFETY: new mappings, at addresses that the system chooses, affect no memory.
                let map = |rights| unsafe {
                    mmap_anonymous(std::ptr::null_mut(), PAGE, rights, MapFlags::PRIVATE)
                };
                let maps: Vec<_> = rights.map_while(|rights| map(rights).ok()).collect();
                let tasks: Vec<_> = (0..TASKS / 10)
                    .map(|n| wakeful::spawn(async move { n }))
                    .collect();
                let mut sum = 0;
                for task in tasks {
                    sum += task.await.unwrap();
                }
                assert_eq!(sum, (0..TASKS / 10).sum());
                for map in maps {
                    // SAFETY: mapped above, and used by no other.
                    unsafe { munmap(map, PAGE).unwrap() };
                }
                // Chunks of both kinds are freed.
                burst().await;
            });
        },
    );
}

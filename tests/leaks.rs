//! Counts every byte: 100,000 tasks that end, panic, are aborted or detached, with their timers,
//! wakers and handles, leave no memory allocated. The only test of its program, as it replaces the
//! allocator of the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use wakeful::Runtime;
use wakeful::task::{AbortHandle, JoinSet, yield_now};
use wakeful::time::{sleep, timeout};

#[path = "support/mod.rs"]
mod support;

use support::{Guard, Ledger, my_waker};

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: passes all calls to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: by the contract of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: by the contract of this function.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of tasks in each of the five rounds.
const TASKS: usize = 20_000;
/// The threads of the test harness may allocate a little.
const SLACK: isize = 4096;

fn live() -> isize {
    LIVE.load(Ordering::Relaxed)
}

/// Returns a task with one of six ends.
async fn task(number: usize, guard: Guard) -> (usize, Guard) {
    match number % 6 {
        0 => {}
        1 => yield_now().await,
        2 => sleep(Duration::from_micros(number as u64 % 50)).await,
        3 => {
            yield_now().await;
            drop(guard);
            // Without the panic hook, which would print 16,667 reports.
            resume_unwind(Box::new(vec![number]));
        }
        4 => {
            let limit = Duration::from_secs(3600);
            _ = timeout(limit, pending::<()>()).await;
        }
        _ => {
            let waker = my_waker().await;
            waker.wake_by_ref();
            drop(waker);
            pending().await
        }
    }
    (number, guard)
}

/// Spawns `tasks` tasks: joined one by one, joined in a set, or detached. Those that would wait
/// forever are aborted, some before their first poll.
async fn round(tasks: usize, ledger: &Ledger) {
    let mut set = JoinSet::new();
    let mut handles = Vec::new();
    let mut aborts = Vec::new();
    for number in 0..tasks {
        let task = task(number, ledger.guard());
        let waits = number % 6 >= 4;
        let abort = match number % 7 {
            0..3 => set.spawn(task),
            3..6 => {
                let handle = wakeful::spawn(task);
                let abort = handle.abort_handle();
                handles.push(handle);
                abort
            }
            _ => wakeful::spawn(task).abort_handle(),
        };
        match number % 5 {
            0 if waits => abort.abort(),
            _ if waits => aborts.push(abort),
            _ => {}
        }
        if number % 1000 == 0 {
            yield_now().await;
        }
    }
    sleep(Duration::from_millis(1)).await;
    aborts.iter().for_each(AbortHandle::abort);
    for (number, handle) in handles.into_iter().enumerate() {
        // The drop of a handle drops the output or the panic.
        if number % 4 > 0 {
            _ = handle.await;
        }
    }
    while set.join_next().await.is_some() {}
    sleep(Duration::from_millis(1)).await;
}

fn play(runtime: &Runtime) {
    let ledger = Ledger::new();
    runtime.block_on(round(TASKS, &ledger));
    ledger.assert_all_dropped(TASKS);
    let metrics = runtime.metrics();
    assert_eq!((metrics.tasks_alive, metrics.timers), (0, 0));
}

fn runtime() -> Runtime {
    let builder = Runtime::builder().start_paused(true);
    builder.build().expect("a runtime")
}

#[test]
fn a_hundred_thousand_tasks_leak_nothing() {
    // Allocations that are made once, for a thread or for the first panic.
    play(&runtime());
    let before = live();
    let runtime = runtime();
    play(&runtime);
    // Allocations that the loop keeps for later tasks.
    let warm = live();
    for round in 2..=4 {
        play(&runtime);
        let grown = live() - warm;
        assert!(grown.abs() < SLACK, "round {round}: {grown} bytes more");
    }
    drop(runtime);
    let left = live() - before;
    assert!(left.abs() < SLACK, "the runtime left {left} bytes");
}

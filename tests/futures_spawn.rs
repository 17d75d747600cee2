//! The spawn traits of the `futures` crates.

#[path = "support/mod.rs"]
mod support;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use futures_util::task::{LocalSpawn, LocalSpawnExt, Spawn, SpawnExt};
use support::{Ledger, panic_of, until};
use wakeful::{Handle, LocalSpawner, Runtime};

/// A library function that depends on no runtime.
fn count_on(spawner: &dyn LocalSpawn, count: &Rc<Cell<u32>>) {
    let count = count.clone();
    spawner
        .spawn_local(async move { count.set(count.get() + 1) })
        .unwrap();
}

#[wakeful::test]
async fn a_library_spawns_futures_that_are_not_send() {
    let count = Rc::new(Cell::new(0));
    let spawner = LocalSpawner::current();
    assert!(spawner.status_local().is_ok() && spawner.status().is_ok());
    count_on(&spawner, &count);
    count_on(&spawner.clone(), &count);
    wakeful::task::yield_now().await;
    assert_eq!(count.get(), 2);
    assert_eq!(wakeful::Metrics::current().tasks_spawned, 2);
}

#[test]
fn a_task_spawned_outside_of_the_loop_runs_in_the_next_block_on() {
    let runtime = Runtime::new().unwrap();
    let count = Rc::new(Cell::new(0));
    count_on(&runtime.local_spawner(), &count);
    assert_eq!(count.get(), 0);
    runtime.block_on(wakeful::task::yield_now());
    assert_eq!(count.get(), 1);
}

#[test]
fn each_spawner_spawns_on_its_own_runtime() {
    let (one, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let count = Rc::new(Cell::new(0));
    let spawner = other.local_spawner();
    one.block_on(async { count_on(&spawner, &count) });
    one.block_on(wakeful::task::yield_now());
    assert_eq!((count.get(), one.metrics().tasks_spawned), (0, 0));
    other.block_on(wakeful::task::yield_now());
    assert_eq!(count.get(), 1);
}

#[test]
fn after_the_end_a_spawn_is_an_error_and_drops_the_future() {
    let runtime = Runtime::new().unwrap();
    let (spawner, handle) = (runtime.local_spawner(), runtime.handle());
    let ledger = Ledger::new();
    let guard = ledger.guard();
    spawner
        .spawn_local(async move {
            let _guard = guard;
            pending().await
        })
        .unwrap();
    drop(runtime);
    ledger.assert_all_dropped(1);
    let guard = ledger.guard();
    let error = spawner.spawn_local(async move { drop(guard) }).unwrap_err();
    assert!(error.is_shutdown());
    ledger.assert_all_dropped(2);
    assert!(spawner.status_local().unwrap_err().is_shutdown());
    assert!(spawner.spawn(async {}).unwrap_err().is_shutdown());
    assert!(
        SpawnExt::spawn(&handle, async {})
            .unwrap_err()
            .is_shutdown()
    );
    assert!(handle.status().unwrap_err().is_shutdown());
}

#[wakeful::test]
async fn after_a_shutdown_a_spawn_is_an_error() {
    let spawner = LocalSpawner::current();
    let task = wakeful::spawn(pending::<()>());
    Handle::current().shutdown();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(spawner.spawn_local(async {}).unwrap_err().is_shutdown());
}

#[test]
fn a_handle_spawns_from_other_threads() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let home = thread::current().id();
    let count = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let (ran, all) = (count.clone(), done.clone());
    let waker = runtime.block_on(support::my_waker());
    let spawning = thread::spawn(move || {
        for _ in 0..100 {
            let (ran, all, waker) = (ran.clone(), all.clone(), waker.clone());
            let task = async move {
                assert_eq!(thread::current().id(), home);
                if ran.fetch_add(1, Ordering::SeqCst) == 99 {
                    all.store(true, Ordering::SeqCst);
                    waker.wake();
                }
            };
            SpawnExt::spawn(&handle, task).unwrap();
        }
    });
    runtime.block_on(until(&done));
    spawning.join().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 100);
}

#[test]
fn outside_a_runtime_there_is_no_spawner() {
    let text = panic_of(LocalSpawner::current);
    assert!(text.contains("runtime"), "{text}");
}

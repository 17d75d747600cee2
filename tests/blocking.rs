//! The blocking pool: limits, idle threads, panics, and what a shutdown does with its closures.

#[path = "support/alone.rs"]
mod alone;
mod support;

use std::collections::HashSet;
use std::future::pending;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use support::{Ledger, OnDrop, panic_of, spin_until, text_of, yield_until};
use wakeful::task::yield_now;
use wakeful::{Builder, Runtime, block_on, spawn, spawn_blocking};

/// Returns a closure that reports when it begins and runs until its gate is opened or dropped.
fn gated() -> (impl FnOnce() + Send + 'static, Receiver<()>, Sender<()>) {
    let (begins, begun) = channel();
    let (gate, opened) = channel::<()>();
    let work = move || {
        let _ = begins.send(());
        let _ = opened.recv();
    };
    (work, begun, gate)
}

#[test]
fn results_are_returned_to_the_loop() {
    block_on(async {
        let here = thread::current().id();
        let (there, sum) = spawn_blocking(|| (thread::current().id(), (1..=10).sum::<u32>()))
            .await
            .unwrap();
        assert_ne!(here, there);
        assert_eq!(sum, 55);
        let many: Vec<_> = (0..200).map(|n| spawn_blocking(move || n * 2)).collect();
        for (n, task) in many.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n * 2);
        }
    });
}

#[test]
fn the_number_of_threads_is_limited_and_they_are_named() {
    let runtime = Builder::new()
        .max_blocking_threads(3)
        .thread_name("pool")
        .build()
        .unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let names = Arc::new(Mutex::new(HashSet::new()));
    runtime.block_on(async {
        // Three closures wait for each other here, so three threads run at the same time.
        let meet = Arc::new(Barrier::new(3));
        let tasks: Vec<_> = (0..30)
            .map(|_| {
                let (now, most, names) = (now.clone(), most.clone(), names.clone());
                let meet = meet.clone();
                spawn_blocking(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let name = thread::current().name().unwrap().to_owned();
                    names.lock().unwrap().insert(name);
                    meet.wait();
                    now.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 3);
    let names = names.lock().unwrap();
    assert_eq!(names.len(), 3);
    assert!(
        names.iter().all(|name| name.starts_with("pool-")),
        "{names:?}"
    );
    assert_eq!(runtime.metrics().blocking_threads, 3);
}

#[test]
fn an_idle_thread_is_used_again() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        for _ in 0..20 {
            spawn_blocking(|| ()).await.unwrap();
            yield_until(|| runtime.metrics().blocking_idle == 1).await;
        }
    });
    assert_eq!(runtime.metrics().blocking_threads, 1);
}

#[test]
fn idle_threads_end_after_the_timeout() {
    let runtime = Builder::new()
        .thread_keep_alive(Duration::from_millis(1))
        .build()
        .unwrap();
    for _ in 0..2 {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..4).map(|_| spawn_blocking(|| ())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        spin_until(|| runtime.metrics().blocking_threads == 0);
    }
    assert_eq!(runtime.metrics().blocking_idle, 0);
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_is_returned_as_an_error() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let error = spawn_blocking(|| panic!("no disk")).await.unwrap_err();
        assert_eq!(text_of(error.into_panic()), "no disk");
        // The handles of both are dropped. The payload and the output panic when dropped.
        spawn_blocking(|| std::panic::panic_any(OnDrop(|| panic!("payload"))));
        spawn_blocking(|| OnDrop(|| panic!("output")));
        assert_eq!(spawn_blocking(|| 5).await.unwrap(), 5);
    });
    assert_eq!(runtime.metrics().blocking_threads, 1);
}

#[test]
#[cfg(panic = "unwind")]
fn a_limit_of_zero_threads_panics() {
    let text = panic_of(|| Builder::new().max_blocking_threads(0));
    assert!(text.starts_with("max_blocking_threads is 0"), "{text}");
}

#[test]
fn a_closure_may_run_a_loop() {
    let answer = block_on(async {
        spawn_blocking(|| block_on(async { spawn_blocking(|| 8).await.unwrap() }))
            .await
            .unwrap()
    });
    assert_eq!(answer, 8);
}

#[test]
fn a_closure_aborted_before_it_begins_never_runs() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (work, begun, gate) = gated();
        let first = spawn_blocking(work);
        begun.recv().unwrap();
        let ran = Arc::new(AtomicBool::new(false));
        let (flag, token) = (ran.clone(), Arc::new(()));
        let held = token.clone();
        let second = spawn_blocking(move || {
            flag.store(true, Ordering::SeqCst);
            drop(held);
        });
        assert_eq!(runtime.metrics().blocking_queued, 1);
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        gate.send(()).unwrap();
        first.await.unwrap();
        spawn_blocking(|| ()).await.unwrap();
        assert!(!ran.load(Ordering::SeqCst));
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

#[test]
fn a_running_closure_continues_after_an_abort() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (work, begun, gate) = gated();
        let token = Arc::new(());
        let output = token.clone();
        let task = spawn_blocking(move || {
            work();
            output
        });
        begun.recv().unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(runtime.metrics().blocking_threads, 1);
        gate.send(()).unwrap();
        spawn_blocking(|| ()).await.unwrap();
        assert_eq!(Arc::strong_count(&token), 1, "the output is dropped");
    });
}

#[test]
#[cfg(panic = "unwind")]
fn queued_closures_are_dropped_at_shutdown() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    let (work, begun, gate) = gated();
    runtime.enter(|| spawn_blocking(work));
    begun.recv().unwrap();
    let ledger = Ledger::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let mut handles = Vec::new();
    for n in 0..5 {
        let (guard, ran) = (ledger.guard(), ran.clone());
        let bad = OnDrop(move || assert!(n != 2, "a captured value panics in its drop"));
        handles.push(runtime.enter(|| {
            spawn_blocking(move || {
                let _keep = (guard, bad);
                ran.fetch_add(1, Ordering::SeqCst);
            })
        }));
    }
    assert_eq!(runtime.metrics().blocking_queued, 5);
    // Polled once, so that a task waits for the end.
    runtime.block_on(yield_now());
    assert_eq!(runtime.shutdown_timeout(Duration::ZERO), 1);
    ledger.assert_all_dropped(5);
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    for handle in handles {
        assert!(handle.is_finished());
        assert!(block_on(handle).unwrap_err().is_cancelled());
    }
    drop(gate);
}

#[test]
fn shutdown_counts_running_closures() {
    for _ in 0..20 {
        let runtime = Runtime::new().unwrap();
        let work: Vec<_> = (0..2)
            .map(|_| {
                let (work, begun, gate) = gated();
                let task = runtime.enter(|| spawn_blocking(work));
                begun.recv().unwrap();
                (task, gate)
            })
            .collect();
        // A third thread is idle, and is not counted.
        runtime.block_on(async { spawn_blocking(|| ()).await.unwrap() });
        spin_until(|| runtime.metrics().blocking_idle == 1);
        assert_eq!(runtime.shutdown_timeout(Duration::ZERO), 2);
        for (task, gate) in work {
            drop(gate);
            assert!(block_on(task).unwrap_err().is_cancelled());
        }
    }
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async { spawn_blocking(|| ()).await.unwrap() });
    assert_eq!(runtime.shutdown_timeout(Duration::MAX), 0);
}

#[test]
fn a_drop_waits_for_a_closure_that_ends() {
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    let (work, begun, gate) = gated();
    let runtime = Runtime::new().unwrap();
    runtime.enter(|| {
        spawn_blocking(move || {
            work();
            flag.store(true, Ordering::SeqCst);
        })
    });
    begun.recv().unwrap();
    // The future of a task holds the gate: the closure continues when the tasks are dropped.
    runtime.spawn(async move {
        let _gate = gate;
        pending::<()>().await
    });
    runtime.block_on(yield_now());
    drop(runtime);
    assert!(done.load(Ordering::SeqCst));
}

#[test]
fn a_result_after_the_runtime_is_dropped_on_the_pool_thread() {
    let runtime = Runtime::new().unwrap();
    let (work, begun, gate) = gated();
    let token = Arc::new(());
    let output = token.clone();
    let task = runtime.enter(|| {
        spawn_blocking(move || {
            work();
            output
        })
    });
    begun.recv().unwrap();
    runtime.block_on(yield_now());
    assert_eq!(runtime.shutdown_timeout(Duration::ZERO), 1);
    assert!(task.is_finished());
    drop(gate);
    spin_until(|| Arc::strong_count(&token) == 1);
    assert!(block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn closures_that_a_drop_spawns_during_shutdown_are_cancelled() {
    let runtime = Runtime::new().unwrap();
    let (send, handles) = channel();
    runtime.spawn(async move {
        let _spawns = OnDrop(move || send.send(spawn_blocking(|| ())).unwrap());
        pending::<()>().await
    });
    runtime.block_on(yield_now());
    drop(runtime);
    assert!(
        block_on(handles.recv().unwrap())
            .unwrap_err()
            .is_cancelled()
    );
}

/// Not a test: the next test runs it as a process of its own, to read what it prints.
const CHILD: &str = "WAKEFUL_TEST_STUCK_CLOSURE";

#[test]
fn a_drop_reports_a_stuck_closure_and_returns() {
    // tokio #1923.
    if std::env::var_os(CHILD).is_some() {
        let (work, begun, gate) = gated();
        let runtime = Builder::new()
            .blocking_shutdown_timeout(Duration::from_millis(1))
            .build()
            .unwrap();
        runtime.enter(|| spawn_blocking(work));
        begun.recv().unwrap();
        drop(runtime);
        // With a timeout of zero it prints nothing.
        let (work, begun, second) = gated();
        let runtime = Runtime::new().unwrap();
        runtime.enter(|| spawn_blocking(work));
        begun.recv().unwrap();
        runtime.shutdown_background();
        drop((gate, second));
        return;
    }
    let output = alone::this_program()
        .args(["--exact", "a_drop_reports_a_stuck_closure_and_returns"])
        .arg("--nocapture")
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("wakeful: "))
        .collect();
    assert_eq!(lines.len(), 1, "{printed}");
    assert!(
        lines[0].contains("1 `spawn_blocking` closures or file operations still ran after 1ms"),
        "{printed}"
    );
}

#[test]
fn many_tasks_use_the_pool_at_the_same_time() {
    let runtime = Builder::new()
        .max_blocking_threads(2)
        .thread_keep_alive(Duration::from_micros(1))
        .build()
        .unwrap();
    let total = runtime.block_on(async {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                spawn(async {
                    let mut sum = 0_u64;
                    for n in 0..50 {
                        sum += spawn_blocking(move || n).await.unwrap();
                    }
                    sum
                })
            })
            .collect();
        let mut total = 0;
        for task in tasks {
            total += task.await.unwrap();
        }
        total
    });
    assert_eq!(total, 20 * 1225);
}

#[test]
fn a_closure_has_the_id_of_its_handle() {
    let here = block_on(async {
        let task = spawn_blocking(wakeful::task::id);
        let expected = task.id();
        assert_eq!(task.await.unwrap(), expected);
        // A loop inside the closure has tasks of its own; afterwards `id` is that of the closure
        // again.
        let task = spawn_blocking(|| {
            let inside = block_on(async { wakeful::task::try_id() });
            assert_eq!(inside, None);
            wakeful::task::id()
        });
        let expected = task.id();
        assert_eq!(task.await.unwrap(), expected);
        wakeful::task::try_id()
    });
    assert_eq!(here, None);
}

#[test]
fn a_drop_that_blocks_another_loop_is_reported() {
    if std::env::var_os(CHILD).is_some() {
        let dropped = |patience| {
            let (work, begun, gate) = gated();
            let runtime = Builder::new()
                .blocking_shutdown_timeout(patience)
                .build()
                .unwrap();
            runtime.enter(|| spawn_blocking(work));
            begun.recv().unwrap();
            drop(runtime);
            drop(gate);
        };
        // Outside of a loop it only waits.
        dropped(Duration::from_millis(101));
        block_on(async move { dropped(Duration::from_millis(102)) });
        return;
    }
    let output = alone::this_program()
        .args(["--exact", "a_drop_that_blocks_another_loop_is_reported"])
        .arg("--nocapture")
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("wakeful: "))
        .collect();
    let [outside, inside, still] = lines[..] else {
        panic!("expected three lines, not {printed}");
    };
    assert!(outside.contains("still ran after 101ms"), "{printed}");
    for part in [
        "inside `block_on` of another",
        "1 `spawn",
        "102ms",
        "shutdown_background",
    ] {
        assert!(inside.contains(part), "no {part:?} in {printed}");
    }
    assert!(still.contains("still ran after 102ms"), "{printed}");
}

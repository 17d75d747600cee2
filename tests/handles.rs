//! Handles, through which other threads use a runtime.

mod support;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Poll, Wake, Waker};
use std::thread;

use support::{Counting, Ledger, OnDrop, panic_of, poll_once, spin_until, text_of};
use wakeful::task::{self, yield_now};
use wakeful::{Handle, RemoteJoinHandle, Runtime, block_on, spawn};

/// Runs the loop until the thread is done.
fn drive<T>(runtime: &Runtime, other: thread::JoinHandle<T>) -> T {
    while !other.is_finished() {
        runtime.block_on(yield_now());
        thread::yield_now();
    }
    other.join().unwrap()
}

#[test]
fn a_closure_is_sent_and_its_future_stays_on_the_loop() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let home = thread::current().id();
    let other = thread::spawn(move || {
        let task = handle.spawn_with(move || {
            assert_eq!(thread::current().id(), home);
            let local = Rc::new(Cell::new(1));
            async move {
                yield_now().await;
                local.set(local.get() + 1);
                (thread::current().id(), local.get(), task::id())
            }
        });
        let id = task.id();
        (id, block_on(task).unwrap())
    });
    let (id, output) = drive(&runtime, other);
    assert_eq!(output, (home, 2, id));
}

#[test]
fn a_sleeping_loop_is_woken_by_its_handles() {
    let (send, handles) = channel::<Handle>();
    let other = thread::spawn(move || {
        let handle = handles.recv().unwrap();
        let mut sum = 0;
        for n in 0..1000 {
            sum += block_on(handle.spawn_with(move || async move { n })).unwrap();
        }
        handle.shutdown();
        sum
    });
    let runtime = Runtime::new().unwrap();
    send.send(runtime.handle()).unwrap();
    // The loop only has the messages of the other thread.
    let error = runtime.block_on(async { spawn(pending::<()>()).await.unwrap_err() });
    assert!(error.is_cancelled());
    assert_eq!(other.join().unwrap(), 499_500);
}

#[test]
fn messages_of_one_thread_arrive_in_order() {
    let runtime = Runtime::new().unwrap();
    let (handle, (send, order)) = (runtime.handle(), channel());
    let other = thread::spawn(move || {
        for n in 0..100 {
            let send = send.clone();
            handle.spawn_with(move || async move { send.send(n).unwrap() });
        }
    });
    other.join().unwrap();
    let got = runtime.block_on(async move {
        let mut got = Vec::new();
        while got.len() < 100 {
            yield_now().await;
            got.extend(order.try_iter());
        }
        got
    });
    assert_eq!(got, (0..100).collect::<Vec<_>>());
}

#[test]
#[cfg(panic = "unwind")]
fn panics_are_returned_to_the_other_thread() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let other = thread::spawn(move || {
        let closure = handle.spawn_with(|| -> std::future::Ready<()> { panic!("in the closure") });
        let future = handle.spawn_with(|| async { panic!("in the future") });
        let (id, error) = (closure.id(), block_on(closure).unwrap_err());
        assert_eq!(error.id(), id);
        assert_eq!(text_of(error.into_panic()), "in the closure");
        assert_eq!(
            text_of(block_on(future).unwrap_err().into_panic()),
            "in the future"
        );
        // A nested loop on the runtime's thread panics, which is returned as any other panic.
        let nested = handle.spawn_with(|| std::future::ready(block_on(async { 1 })));
        assert!(block_on(nested).unwrap_err().is_panic());
    });
    drive(&runtime, other);
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn an_abort_from_another_thread_works_before_and_after_the_task_arrives() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let polled = Arc::new(AtomicUsize::new(0));
    let make = |guard| {
        let polled = polled.clone();
        move || async move {
            let _guard = guard;
            polled.fetch_add(1, Ordering::SeqCst);
            pending::<()>().await
        }
    };
    let early = handle.spawn_with(make(ledger.guard()));
    early.abort();
    assert!(!early.is_finished());
    assert!(runtime.block_on(early).unwrap_err().is_cancelled());
    assert_eq!(polled.load(Ordering::SeqCst), 0);
    ledger.assert_all_dropped(1);

    let late = handle.spawn_with(make(ledger.guard()));
    runtime.block_on(async {
        while polled.load(Ordering::SeqCst) == 0 {
            yield_now().await;
        }
    });
    let other = thread::spawn(move || {
        late.abort();
        late.abort();
        block_on(late).unwrap_err().is_cancelled()
    });
    assert!(drive(&runtime, other));
    ledger.assert_all_dropped(2);
}

#[test]
fn dropping_a_remote_handle_detaches_its_task() {
    let runtime = Runtime::new().unwrap();
    let (send, done) = channel();
    drop(runtime.handle().spawn_with(move || async move {
        yield_now().await;
        send.send(()).unwrap();
    }));
    runtime.block_on(async {
        while done.try_recv().is_err() {
            yield_now().await;
        }
    });
}

#[test]
#[cfg(panic = "unwind")]
fn a_remote_handle_that_was_awaited_is_finished_and_panics_if_polled_again() {
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.handle().spawn_with(|| async { 4 });
    assert!(!task.is_finished());
    assert_eq!(runtime.block_on(&mut task).unwrap(), 4);
    assert!(task.is_finished());
    let text = panic_of(|| poll_once(&mut task, Waker::noop()));
    assert_eq!(text, "a result was polled after it was taken");
}

#[test]
fn the_newest_waker_of_a_remote_handle_is_woken() {
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.handle().spawn_with(|| async {});
    let (first, first_waker) = Counting::new();
    let (second, second_waker) = Counting::new();
    assert!(poll_once(&mut task, &first_waker).is_pending());
    assert!(poll_once(&mut task, &second_waker).is_pending());
    runtime.block_on(async {
        while second.wakes() == 0 {
            yield_now().await;
        }
    });
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert!(poll_once(&mut task, &first_waker).is_ready());
}

#[test]
fn a_replaced_waker_may_end_the_runtime_in_its_drop() {
    // The drop of the waker drops the other side of the result, which needs its lock.
    #[allow(dead_code, reason = "only its drop matters")]
    struct Ends(OnDrop<Box<dyn FnMut() + Send + Sync>>);
    impl Wake for Ends {
        fn wake(self: Arc<Self>) {}
    }
    let (send, handles) = channel::<Handle>();
    let (end, ended) = channel::<()>();
    let owner = thread::spawn(move || {
        let runtime = Runtime::new().unwrap();
        send.send(runtime.handle()).unwrap();
        ended.recv().unwrap();
    });
    let mut task = handles.recv().unwrap().spawn_with(pending::<()>);
    let mut owner = Some(owner);
    let ends: Box<dyn FnMut() + Send + Sync> = Box::new(move || {
        end.send(()).unwrap();
        owner.take().unwrap().join().unwrap();
    });
    let waker = Waker::from(Arc::new(Ends(OnDrop(ends))));
    assert!(poll_once(&mut task, &waker).is_pending());
    drop(waker);
    // Replaces the stored waker.
    let (counting, waker) = Counting::new();
    assert!(poll_once(&mut task, &waker).is_pending());
    assert_eq!(counting.wakes(), 1);
    assert!(
        matches!(poll_once(&mut task, &waker), Poll::Ready(Err(error)) if error.is_cancelled())
    );
}

#[test]
#[cfg(panic = "unwind")]
fn after_the_end_of_the_runtime_calls_return_an_error() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let guard = ledger.guard();
    let unreceived = handle.spawn_with(move || async move { drop(guard) });
    let unfinished = handle.spawn_with(pending::<()>);
    drop(runtime);
    ledger.assert_all_dropped(1);
    let late = handle.spawn_with(|| async { unreachable!("there is no loop") });
    assert!(late.is_finished());
    late.abort();
    handle.shutdown();
    for task in [unreceived, unfinished] {
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
    let late: Result<(), _> = block_on(late);
    assert!(late.unwrap_err().is_cancelled());
    // The captured values of a late closure are dropped on the thread that sent it, and may panic.
    let there = handle.clone();
    let bad = thread::spawn(move || {
        let bad = OnDrop(|| panic!("captured"));
        block_on(there.spawn_with(move || {
            drop(bad);
            std::future::ready(())
        }))
    });
    assert!(bad.join().unwrap().unwrap_err().is_cancelled());
}

/// Each counts as a spawn that pushed no task, so there are more of these than pushes.
#[test]
fn spawns_after_a_shutdown_do_not_corrupt_the_counts() {
    let runtime = Runtime::new().unwrap();
    runtime.handle().shutdown();
    runtime.block_on(yield_now());
    for _ in 0..10 {
        let task = runtime.spawn(pending::<()>());
        assert!(task.is_finished());
    }
    for _ in 0..20 {
        runtime.block_on(yield_now());
    }
    let metrics = runtime.metrics();
    assert_eq!((metrics.tasks_spawned, metrics.wakes_local), (10, 21));
}

#[test]
fn shutdown_cancels_all_tasks_and_later_ones() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for n in 0..10 {
            let guard = ledger.guard();
            tasks.push(spawn(async move {
                let _guard = guard;
                let _spawns = OnDrop(|| {
                    spawn(async { unreachable!("cancelled at once") });
                });
                if n % 2 == 0 {
                    pending::<()>().await;
                }
                loop {
                    yield_now().await;
                }
            }));
        }
        yield_now().await;
        let handle = Handle::current();
        let remote = handle.spawn_with(pending::<()>);
        thread::spawn(move || handle.shutdown()).join().unwrap();
        for task in tasks {
            let end: Result<(), _> = task.await;
            assert!(end.unwrap_err().is_cancelled());
        }
        assert!(remote.await.unwrap_err().is_cancelled());
        let guard = ledger.guard();
        let late = spawn(async move { drop(guard) });
        assert!(late.is_finished());
        assert!(late.await.unwrap_err().is_cancelled());
        let late = task::Builder::new().name("late").spawn(async {});
        assert!(late.await.unwrap_err().is_cancelled());
    });
    ledger.assert_all_dropped(11);
    assert_eq!(runtime.metrics().tasks_alive, 0);
}

#[test]
fn a_runtime_ends_while_threads_use_its_handles() {
    for _ in 0..100 {
        let runtime = Runtime::new().unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let token = Arc::new(());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let handle = runtime.handle();
                let (begun, ended, token) = (begun.clone(), ended.clone(), token.clone());
                thread::spawn(move || {
                    let mut tasks: Vec<RemoteJoinHandle<Arc<()>>> = Vec::new();
                    let mut after = 0;
                    while after < 3 {
                        after += usize::from(ended.load(Ordering::SeqCst));
                        let token = token.clone();
                        tasks.push(handle.clone().spawn_with(move || async move {
                            yield_now().await;
                            token
                        }));
                        if tasks.len().is_multiple_of(4) {
                            tasks.last().unwrap().abort();
                        }
                        begun.fetch_add(1, Ordering::SeqCst);
                        // Not faster than the loop receives them, or the queue grows without limit.
                        if let Some(n) = tasks.len().checked_sub(16) {
                            spin_until(|| tasks[n].is_finished());
                        }
                    }
                    drop(handle);
                    // Every message is answered.
                    tasks.into_iter().for_each(|task| drop(block_on(task)));
                })
            })
            .collect();
        while begun.load(Ordering::SeqCst) < 20 {
            runtime.block_on(yield_now());
        }
        drop(runtime);
        ended.store(true, Ordering::SeqCst);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        spin_until(|| Arc::strong_count(&token) == 1);
    }
}

#[test]
fn a_handle_knows_the_id_and_the_name_of_its_runtime() {
    let runtime = Runtime::builder().name("metrics").build().unwrap();
    let other = Runtime::new().unwrap();
    let handle = runtime.handle();
    assert_eq!(handle.name(), Some("metrics"));
    assert_eq!(other.handle().name(), None);
    assert_ne!(handle.id(), other.handle().id());
    assert_eq!(runtime.enter(|| Handle::current().id()), handle.id());
    let id = handle.id();
    assert_eq!(thread::spawn(move || handle.id()).join().unwrap(), id);
}

#[test]
#[cfg(panic = "unwind")]
fn a_blank_name_of_a_runtime_is_refused() {
    let text = panic_of(|| Runtime::builder().name(" "));
    assert!(text.starts_with("the name of a runtime is \" \""), "{text}");
}

#[test]
fn a_handle_enters_its_runtime_on_its_own_thread() {
    let runtime = Runtime::new().unwrap();
    let other = Runtime::new().unwrap();
    let handle = runtime.handle();
    let task = other.enter(|| {
        let _guard = handle.enter();
        spawn(async { Handle::current().id() })
    });
    assert!(Handle::try_current().is_err());
    assert_eq!(runtime.block_on(task).unwrap(), handle.id());
}

#[test]
#[cfg(panic = "unwind")]
fn a_handle_enters_its_runtime_nowhere_else() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let there = handle.clone();
    let text = thread::spawn(move || panic_of(|| there.enter())).join();
    let text = text.unwrap();
    assert!(
        text.starts_with("`Handle::enter` was called on another"),
        "{text}"
    );
    drop(runtime);
    let text = panic_of(|| handle.enter());
    assert!(
        text.ends_with("the runtime of this handle has ended"),
        "{text}"
    );
}

#[test]
#[cfg(panic = "unwind")]
fn a_guard_of_a_handle_outlives_its_runtime() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let guard = handle.enter();
    drop(runtime);
    let error = Handle::try_current().unwrap_err();
    assert!(!error.is_missing_context());
    assert_eq!(panic_of(Handle::current), error.to_string());
    drop(guard);
    assert!(Handle::try_current().unwrap_err().is_missing_context());
}

#[test]
fn another_thread_blocks_on_tasks_of_the_loop() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let other = thread::spawn(move || {
        handle.block_on(async {
            let mut sum = 0;
            for n in 0..100 {
                // It takes the token of `unpark`, as a future may.
                thread::current().unpark();
                thread::park();
                sum += handle.spawn(async move { n }).await.unwrap();
            }
            sum
        })
    });
    assert_eq!(drive(&runtime, other), 4950);
}

#[test]
#[cfg(panic = "unwind")]
fn a_handle_blocks_no_loop() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let text = panic_of(|| handle.block_on(async {}));
    assert!(text.contains("on the thread of the runtime"), "{text}");
    runtime.block_on(async {
        let text = panic_of(|| handle.block_on(async {}));
        assert!(text.contains("on the thread of the runtime"), "{text}");
    });
    let other = thread::spawn(move || block_on(async { panic_of(|| handle.block_on(async {})) }));
    let text = other.join().unwrap();
    assert!(text.contains("inside another Wakeful runtime"), "{text}");
}

#[test]
fn a_handle_runs_closures_without_the_loop() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let other = thread::spawn(move || {
        let call = handle.spawn_blocking(task::try_id);
        let id = call.id();
        (id, handle.block_on(call).unwrap())
    });
    let (id, inside) = other.join().unwrap();
    assert_eq!(inside, Some(id));
    // From the loop's own thread as well.
    let handle = runtime.handle();
    let sum = runtime.block_on(async { handle.spawn_blocking(|| 1 + 2).await });
    assert_eq!(sum.unwrap(), 3);
}

#[test]
#[cfg(panic = "unwind")]
fn a_handle_reports_the_panic_of_a_closure() {
    let runtime = Runtime::new().unwrap();
    let call = runtime.handle().spawn_blocking(|| panic!("on the pool"));
    let error = runtime.block_on(call).map(|(): ()| ()).unwrap_err();
    assert_eq!(text_of(error.into_panic()), "on the pool");
}

#[test]
fn a_closure_of_a_handle_that_has_not_begun_never_begins_after_an_abort() {
    let runtime = Runtime::builder().max_blocking_threads(1).build().unwrap();
    let handle = runtime.handle();
    let (open, gate) = channel::<()>();
    let first = handle.spawn_blocking(move || gate.recv());
    let second = handle.spawn_blocking(|| panic!("it begins"));
    second.abort();
    drop(open);
    let error = runtime.block_on(second).map(|(): ()| ()).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert!(runtime.block_on(first).unwrap().is_err());
}

#[test]
fn closures_of_a_handle_end_with_the_runtime() {
    let runtime = Runtime::builder().max_blocking_threads(1).build().unwrap();
    let handle = runtime.handle();
    let ledger = Ledger::new();
    let (open, gate) = channel::<()>();
    let (begin, began) = channel();
    let first = handle.spawn_blocking(move || {
        begin.send(()).unwrap();
        gate.recv()
    });
    began.recv().unwrap();
    let guard = ledger.guard();
    let second = handle.spawn_blocking(move || drop(guard));
    runtime.shutdown_background();
    ledger.assert_all_dropped(1);
    assert!(block_on(second).unwrap_err().is_cancelled());
    drop(open);
    assert!(block_on(first).unwrap().is_err());
    // After the end as well.
    assert!(
        block_on(handle.spawn_blocking(|| ()))
            .unwrap_err()
            .is_cancelled()
    );
}

/// As in tokio, also if no task of the loop waits for the closure.
#[test]
fn a_stopped_clock_waits_for_closures_of_handles() {
    let runtime = Runtime::builder().start_paused(true).build().unwrap();
    let handle = runtime.handle();
    let is_over = Arc::new(AtomicBool::new(false));
    let there = is_over.clone();
    runtime.block_on(async {
        let (begin, began) = channel();
        let (open, gate) = channel::<()>();
        let call = handle.spawn_blocking(move || {
            begin.send(()).unwrap();
            let _ = gate.recv();
            there.store(true, Ordering::SeqCst);
        });
        began.recv().unwrap();
        let opener = thread::spawn(move || {
            // The loop sleeps by then, or is about to.
            thread::yield_now();
            drop(open);
        });
        wakeful::time::sleep(std::time::Duration::from_secs(3600)).await;
        assert!(is_over.load(Ordering::SeqCst));
        drop(call);
        opener.join().unwrap();
    });
}

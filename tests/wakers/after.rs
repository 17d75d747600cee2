//! Wakers after their task, their runtime or the thread of it has ended.

use super::*;

#[test]
fn wakes_after_completion_have_no_effect() {
    let runtime = Runtime::new().unwrap();
    let waker = runtime.block_on(async { spawn(my_waker()).await.unwrap() });
    let polls = runtime.metrics().polls;
    waker.wake_by_ref();
    waker.clone().wake();
    let there = waker.clone();
    thread::spawn(move || {
        there.wake_by_ref();
        there.wake();
    })
    .join()
    .unwrap();
    runtime.block_on(async {});
    assert_eq!(runtime.metrics().polls, polls + 1, "only the main future");
    assert_eq!(runtime.metrics().tasks_alive, 1, "the waker keeps it");
    drop(waker);
    assert_eq!(runtime.metrics().tasks_alive, 0);
}

#[test]
fn wakers_outlive_the_runtime_on_its_own_thread() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let waker = waker_of_large::<22>(&runtime, &ledger);
    assert_eq!(living::<22>(), 1);
    drop(runtime);
    ledger.assert_all_dropped(1);
    waker.wake_by_ref();
    let more: Vec<_> = (0..10).map(|_| waker.clone()).collect();
    waker.wake();
    // They have no effect on another runtime of this thread.
    block_on(async { more[0].wake_by_ref() });
    assert_eq!(living::<22>(), 1);
    drop(more);
    assert_eq!(living::<22>(), 0);
}

#[test]
fn wakers_outlive_the_runtime_on_another_thread() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    let waker = waker_of_large::<23>(&runtime, &ledger);
    let made_there = {
        let waker = waker.clone();
        thread::spawn(move || waker.clone()).join().unwrap()
    };
    drop(runtime);
    ledger.assert_all_dropped(1);
    drop(made_there);
    thread::spawn(move || {
        waker.wake_by_ref();
        let more: Vec<_> = (0..10).map(|_| waker.clone()).collect();
        waker.wake();
        assert_eq!(living::<23>(), 1);
        drop(more);
        assert_eq!(living::<23>(), 0);
    })
    .join()
    .unwrap();
}

#[test]
fn a_waker_outlives_the_thread_of_its_runtime() {
    let (waker, ledger) = thread::spawn(|| {
        let ledger = Ledger::new();
        let runtime = Runtime::new().unwrap();
        (waker_of_large::<25>(&runtime, &ledger), ledger)
    })
    .join()
    .unwrap();
    ledger.assert_all_dropped(1);
    waker.wake_by_ref();
    assert_eq!(living::<25>(), 1);
    drop(waker);
    assert_eq!(living::<25>(), 0);
}

#[test]
fn the_last_waker_of_a_finished_task_is_dropped_on_another_thread() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    for made_there in [false, true] {
        let guard = ledger.guard();
        let mut body = [[0_u8; 1024]; 26];
        let task = runtime.spawn(poll_fn(move |cx| {
            body[0][0] += 1;
            let _keep = &guard;
            Poll::Ready(cx.waker().clone())
        }));
        let mut waker = runtime.block_on(task).unwrap();
        ledger.assert_all_dropped(1 + usize::from(made_there));
        if made_there {
            let first = waker;
            let clone = thread::spawn(move || (first.clone(), first))
                .join()
                .unwrap();
            waker = clone.0;
        }
        assert_eq!(living::<26>(), 1);
        thread::spawn(move || drop(waker)).join().unwrap();
        // The reference returns to the owner thread as a message.
        runtime.block_on(yield_now());
        assert_eq!(living::<26>(), 0);
    }
}

#[test]
fn the_waker_of_block_on_outlives_it() {
    let runtime = Runtime::new().unwrap();
    let waker = runtime.block_on(my_waker());
    waker.wake_by_ref();
    runtime.block_on(async {
        yield_now().await;
        waker.wake_by_ref();
    });
    let (there, again) = (waker.clone(), waker.clone());
    thread::spawn(move || there.wake()).join().unwrap();
    assert!(runtime.block_on(my_waker()).will_wake(&waker));
    drop(runtime);
    again.wake();
    thread::spawn(move || waker.wake()).join().unwrap();
}

#[test]
fn a_runtime_ends_while_other_threads_use_its_wakers() {
    for round in 0..150 {
        let ledger = Ledger::new();
        let runtime = Runtime::new().unwrap();
        let (send, wakers) = channel();
        let mut handles = Vec::new();
        for _ in 0..4 {
            let (guard, send) = (ledger.guard(), send.clone());
            handles.push(runtime.spawn(async move {
                let _guard = guard;
                send.send(my_waker().await).unwrap();
                pending::<()>().await
            }));
        }
        runtime.block_on(yield_now());
        let wakers: Vec<_> = wakers.try_iter().collect();
        assert_eq!(wakers.len(), 4);
        let stops: Vec<_> = handles.iter().map(|handle| handle.abort_handle()).collect();
        let begun = Arc::new(AtomicUsize::new(0));
        let ended = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (wakers, stops) = (wakers.clone(), stops.clone());
                let (begun, ended) = (begun.clone(), ended.clone());
                thread::spawn(move || {
                    begun.fetch_add(1, Ordering::SeqCst);
                    let mut kept = Vec::new();
                    let mut after = 0;
                    while after < 3 {
                        after += usize::from(ended.load(Ordering::SeqCst));
                        for (waker, stop) in wakers.iter().zip(&stops) {
                            kept.push(waker.clone());
                            waker.wake_by_ref();
                            waker.clone().wake();
                            if after > 0 || kept.len() > 100 {
                                stop.abort();
                                kept.clear();
                            }
                        }
                    }
                })
            })
            .collect();
        drop((wakers, stops));
        spin_until(|| begun.load(Ordering::SeqCst) == 2);
        if round % 2 == 0 {
            runtime.block_on(yield_now());
        }
        if round % 3 == 0 {
            handles.clear();
        }
        drop(runtime);
        ledger.assert_all_dropped(4);
        ended.store(true, Ordering::SeqCst);
        if round % 3 == 1 {
            handles.clear();
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_forgotten_runtime_has_no_effect_on_the_next() {
    // Kept reachable, so that leak checkers do not report it.
    static KEPT: AtomicPtr<Runtime> = AtomicPtr::new(std::ptr::null_mut());
    thread::spawn(|| {
        let runtime = Box::leak(Box::new(Runtime::new().unwrap()));
        let waker = runtime.block_on(async {
            let waker = spawn(my_waker()).await.unwrap();
            spawn(pending::<()>());
            waker
        });
        KEPT.store(runtime, Ordering::SeqCst);
        let there = waker.clone();
        thread::spawn(move || {
            there.wake_by_ref();
            drop((there.clone(), there));
        })
        .join()
        .unwrap();
        // The next runtime of the thread is not affected by the wakers of the first.
        block_on(async {
            waker.wake_by_ref();
            spawn(async {}).await.unwrap();
            drop(waker);
        });
    })
    .join()
    .unwrap();
}

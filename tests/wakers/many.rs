//! Tests with many wakers, with wakes from many threads, and with wakes of a sleeping loop.

use super::*;

#[test]
fn a_hundred_thousand_wakers_of_one_task() {
    // In glommio, one task with 32,767 wakers causes a panic.
    let runtime = Runtime::new().unwrap();
    let ledger = Ledger::new();
    for count in [40_000, 100_000] {
        let waker = waker_of_large::<21>(&runtime, &ledger);
        let here: Vec<_> = (0..count).map(|_| waker.clone()).collect();
        let there = waker.clone();
        // The other thread drops the clones that this thread made. The clones that it makes are
        // dropped or woken partly here, and the rest are dropped on a third thread.
        let other = thread::spawn(move || {
            let wakers: Vec<_> = (0..count).map(|_| there.clone()).collect();
            drop(here);
            wakers
        });
        let mut back = other.join().unwrap();
        drop(back.split_off(count / 2));
        back.drain(..count / 4).for_each(Waker::wake);
        thread::spawn(move || drop(back)).join().unwrap();
        runtime.block_on(yield_now());
        drop(waker);
        runtime.block_on(yield_now());
        assert_eq!(ledger.dropped(), 0, "the future waits as before");
    }
    assert_eq!(living::<21>(), 2);
    drop(runtime);
    ledger.assert_all_dropped(2);
    assert_eq!(living::<21>(), 0);
}

#[test]
fn wakes_from_many_threads_are_not_lost() {
    const THREADS: usize = 3;
    const ROUNDS: usize = 3_000;
    block_on(async {
        let sum = Arc::new(AtomicUsize::new(0));
        let (send, wakers) = channel();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let sum = sum.clone();
                let (to_thread, from_loop) = channel::<Waker>();
                send.send(to_thread).unwrap();
                thread::spawn(move || {
                    while let Ok(waker) = from_loop.recv() {
                        sum.fetch_add(1, Ordering::Relaxed);
                        waker.wake();
                    }
                })
            })
            .collect();
        drop(send);
        let to_threads: Vec<_> = wakers.iter().collect();
        let task = spawn(async move {
            for round in 1..=ROUNDS {
                let waker = my_waker().await;
                for to in &to_threads {
                    to.send(waker.clone()).unwrap();
                }
                // If a wake is lost, the task stays here forever.
                poll_fn(|_| match sum.load(Ordering::Relaxed) == round * THREADS {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                })
                .await;
            }
        });
        task.await.unwrap();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_sleeping_loop_is_woken_each_time() {
    // In compio #948 and monoio #241, a wake between the last check and the wait was lost. The
    // other thread keeps its waker, so that the loop is woken only by the wake, and not by a drop
    // of the waker.
    block_on(async {
        let round = Arc::new(AtomicUsize::new(0));
        let (there, waker) = (round.clone(), my_waker().await);
        let (go, next) = channel();
        let other = thread::spawn(move || {
            while next.recv().is_ok() {
                there.fetch_add(1, Ordering::SeqCst);
                waker.wake_by_ref();
            }
        });
        for n in 1..=20_000 {
            go.send(()).unwrap();
            poll_fn(|_| match round.load(Ordering::SeqCst) == n {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
        }
        drop(go);
        other.join().unwrap();
    });
}

#[test]
fn a_foreign_wake_during_the_last_poll_is_seen_before_the_sleep() {
    // The wake happens during the poll, so it has arrived when the loop has no ready task left and
    // is about to sleep.
    let mut woken = None;
    let task = poll_fn(move |cx| {
        if woken.is_some() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let other = thread::spawn(move || {
            waker.wake_by_ref();
            waker
        });
        // The waker is kept, so that its drop does not wake the loop.
        woken = Some(other.join().unwrap());
        Poll::Pending
    });
    block_on(async { spawn(task).await.unwrap() });
}

#[test]
fn a_loop_that_was_woken_sleeps_again() {
    // monoio never reset the sleeping flag.
    let runtime = Runtime::new().unwrap();
    for _ in 0..5 {
        runtime.block_on(async {
            let flag = Arc::new(AtomicBool::new(false));
            let (there, waker) = (flag.clone(), my_waker().await);
            let other = thread::spawn(move || {
                there.store(true, Ordering::SeqCst);
                waker.wake();
            });
            until(&flag).await;
            other.join().unwrap();
            // The reference of the waker, which the other thread consumed, returns to this thread.
            yield_now().await;
        });
        let waits = runtime.metrics().waits;
        runtime.block_on(async { wakeful::time::sleep(Duration::from_millis(1)).await });
        assert!(runtime.metrics().waits > waits, "it did not sleep");
    }
}

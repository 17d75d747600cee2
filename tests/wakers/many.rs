//! Many wakers, many threads, and a loop that sleeps.

use super::*;

#[test]
fn a_hundred_thousand_wakers_of_one_task() {
    // glommio panics at 32,767.
    let runtime = Runtime::new().unwrap();
    let ledger = Ledger::new();
    for count in [40_000, 100_000] {
        let waker = waker_of_large::<21>(&runtime, &ledger);
        let here: Vec<_> = (0..count).map(|_| waker.clone()).collect();
        let there = waker.clone();
        // Cloned there, dropped there and here; cloned here, dropped there.
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
                // A lost wake leaves it here for ever.
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
    // compio #948, monoio #241: a wake between the last check and the wait. The other thread keeps
    // its waker, so that nothing but the wake itself reaches the loop.
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
    // It is there for certain when the loop, with no task left, wants to sleep.
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
        // Kept, so that its drop is not what wakes the loop.
        woken = Some(other.join().unwrap());
        Poll::Pending
    });
    block_on(async { spawn(task).await.unwrap() });
}

#[test]
fn a_loop_that_was_woken_sleeps_again() {
    // monoio never took the sleeping flag back.
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
            // The waker's reference comes home.
            yield_now().await;
        });
        let waits = runtime.metrics().waits;
        runtime.block_on(async { wakeful::time::sleep(Duration::from_millis(1)).await });
        assert!(runtime.metrics().waits > waits, "it did not sleep");
    }
}

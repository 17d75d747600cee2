//! Wakers: on every thread, in every order, long after the runtime, and in any number.
#![allow(
    clippy::waker_clone_wake,
    reason = "the count that a wake by value gives back is tested"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use support::{Counting, Ledger, OnDrop, my_waker, poll_once, spin_until, until, yield_until};
use wakeful::task::yield_now;
use wakeful::{Runtime, block_on, spawn};

/// Counts the living allocations of each number of KiB, so that a test can see its task's memory.
struct ByKib;

static LIVING: [AtomicIsize; 32] = [const { AtomicIsize::new(0) }; 32];

fn note(size: usize, change: isize) {
    if let Some(count) = LIVING.get(size / 1024) {
        count.fetch_add(change, Ordering::SeqCst);
    }
}

// SAFETY: it is the system's allocator, and only counts besides.
unsafe impl GlobalAlloc for ByKib {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: ByKib = ByKib;

/// Tasks whose cell takes that many KiB and a bit, a size that nothing else here has.
fn living<const KIB: usize>() -> isize {
    LIVING[KIB].load(Ordering::SeqCst)
}

/// Spawns a task of a certain size that waits for ever, and returns a waker of it.
fn waker_of_large<const KIB: usize>(runtime: &Runtime, ledger: &Ledger) -> Waker {
    struct Large<const KIB: usize>(
        #[allow(dead_code, reason = "it is the size")] [[u8; 1024]; KIB],
    );
    let (send, wakers) = channel();
    let guard = ledger.guard();
    let body = Large([[1; 1024]; KIB]);
    runtime.spawn(poll_fn(move |cx| -> Poll<()> {
        let _keep = (&guard, &body);
        // Nobody listens the next time.
        let _ = send.send(cx.waker().clone());
        Poll::Pending
    }));
    runtime.block_on(yield_now());
    wakers.recv().unwrap()
}

// --- re-entry

#[test]
fn a_wake_in_the_drop_of_a_future() {
    // tokio #1929: it found the queue borrowed.
    let ledger = Ledger::new();
    block_on(async {
        let other = spawn(pending::<()>());
        let others_waker = Rc::new(RefCell::new(None::<Waker>));
        let slot = others_waker.clone();
        let listener = spawn(poll_fn(move |cx| {
            match slot.replace(Some(cx.waker().clone())) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            }
        }));
        yield_now().await;
        let guard = ledger.guard();
        let task = spawn(async move {
            let own = my_waker().await;
            let stop = other.abort_handle();
            let _wakes = OnDrop(move || {
                let _guard = &guard;
                own.wake_by_ref();
                others_waker.borrow().as_ref().unwrap().wake_by_ref();
                stop.abort();
                spawn(async {});
            });
            let _other = other;
            pending::<()>().await
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        listener.await.unwrap();
        // The task woke itself although it was over: it is in line, and given up there.
        for _ in 0..3 {
            yield_now().await;
        }
    });
    ledger.assert_all_dropped(1);
}

#[test]
fn a_foreign_waker_that_does_things_when_it_is_dropped() {
    struct Busy(Waker);
    impl Wake for Busy {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            self.0.wake_by_ref();
            spawn(async {}).abort();
        }
    }
    block_on(async {
        let busy = || async { Waker::from(Arc::new(Busy(my_waker().await))) };
        let mut task = spawn(async { 3 });
        assert!(poll_once(&mut task, &busy().await).is_pending());
        // Replaced by another of its kind, then dropped with the handle.
        assert!(poll_once(&mut task, &busy().await).is_pending());
        drop(task);
        // Used and dropped at the end of the task.
        let mut task = spawn(async { 3 });
        assert!(poll_once(&mut task, &busy().await).is_pending());
        yield_now().await;
        assert_eq!(task.await.unwrap(), 3);
    });
}

#[test]
fn a_waker_may_be_part_of_its_own_task_and_output() {
    let ledger = Ledger::new();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let guard = ledger.guard();
        let detached = spawn(async move { (my_waker().await, guard) });
        drop(detached);
        let guard = ledger.guard();
        let dropped = spawn(async move { (my_waker().await, guard) });
        yield_now().await;
        drop(dropped);
        let guard = ledger.guard();
        spawn(async move {
            let _keep = (my_waker().await, guard);
            pending::<()>().await
        });
        yield_now().await;
    });
    assert_eq!((ledger.dropped(), runtime.metrics().tasks_alive), (2, 1));
    drop(runtime);
    ledger.assert_all_dropped(3);
}

// --- many

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

// --- after the end

#[test]
fn wakes_after_completion_do_nothing() {
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
    // Another runtime of this thread has nothing to do with them.
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
fn the_last_waker_of_a_finished_task_goes_on_another_thread() {
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
        // The reference comes home as a message.
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
fn a_forgotten_runtime_does_no_harm() {
    // Kept reachable, so that leak checkers know that it is meant.
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
        // The next runtime of the thread is not disturbed by the wakers of the first.
        block_on(async {
            waker.wake_by_ref();
            spawn(async {}).await.unwrap();
            drop(waker);
        });
    })
    .join()
    .unwrap();
}

// --- thread-locals

type AtThreadEnd = OnDrop<Box<dyn FnMut()>>;

thread_local! {
    static WAKER: RefCell<Option<AtThreadEnd>> = const { RefCell::new(None) };
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// Wakes, clones and drops the waker in the destructor of a thread-local.
fn wake_at_thread_end(waker: Waker) {
    let mut waker = Some(waker);
    WAKER.set(Some(OnDrop(Box::new(move || {
        let waker = waker.take().unwrap();
        waker.wake_by_ref();
        waker.clone().wake();
    }))));
}

#[test]
fn a_thread_local_wakes_a_living_runtime_as_its_thread_ends() {
    block_on(async {
        let woken = Rc::new(Cell::new(0));
        let count = woken.clone();
        let (send, wakers) = channel();
        let task = spawn(poll_fn(move |cx| {
            send.send(cx.waker().clone()).unwrap();
            count.set(count.get() + 1);
            if count.get() == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        yield_now().await;
        let waker = wakers.recv().unwrap();
        thread::spawn(move || wake_at_thread_end(waker));
        task.await.unwrap();
        assert_eq!(woken.get(), 2);
    });
}

#[test]
fn a_thread_local_of_the_owner_wakes_after_the_runtime() {
    let ledger = thread::spawn(|| {
        let ledger = Ledger::new();
        let runtime = Runtime::new().unwrap();
        wake_at_thread_end(waker_of_large::<27>(&runtime, &ledger));
        drop(runtime);
        assert_eq!(living::<27>(), 1);
        ledger
    })
    .join()
    .unwrap();
    ledger.assert_all_dropped(1);
    spin_until(|| living::<27>() == 0);
}

#[test]
fn a_runtime_in_a_thread_local_ends_with_its_thread() {
    // In both orders: which goes first, the runtime or what it uses, is the system's choice.
    for runtime_first in [false, true] {
        let ledger = thread::spawn(move || {
            if runtime_first {
                RUNTIME.with(|_| ());
            }
            let ledger = Ledger::new();
            let runtime = Runtime::new().unwrap();
            let waker = waker_of_large::<29>(&runtime, &ledger);
            let guard = ledger.guard();
            runtime.spawn(async move {
                let _guard = guard;
                let _spawns = OnDrop(|| {
                    spawn(async {});
                });
                pending::<()>().await
            });
            runtime.block_on(yield_now());
            if runtime_first {
                RUNTIME.set(Some(runtime));
                wake_at_thread_end(waker);
            } else {
                wake_at_thread_end(waker);
                RUNTIME.set(Some(runtime));
            }
            ledger
        })
        .join()
        .unwrap();
        ledger.assert_all_dropped(2);
        spin_until(|| living::<29>() == 0);
    }
}

// --- identity

#[test]
fn will_wake_tells_tasks_apart() {
    block_on(async {
        let first = my_waker().await;
        assert!(first.will_wake(&my_waker().await));
        assert!(first.will_wake(&first.clone()));
        let other = spawn(my_waker()).await.unwrap();
        assert!(!first.will_wake(&other));
        let there = first.clone();
        let back = thread::spawn(move || there.clone()).join().unwrap();
        assert!(first.will_wake(&back));
    });
}

#[test]
fn a_foreign_loop_may_poll_a_handle() {
    let runtime = Runtime::new().unwrap();
    let mut task = runtime.spawn(async { 2 });
    let (counting, waker) = Counting::new();
    assert!(poll_once(&mut task, &waker).is_pending());
    runtime.block_on(yield_until(|| counting.wakes() == 1));
    assert!(matches!(poll_once(&mut task, &waker), Poll::Ready(Ok(2))));
}

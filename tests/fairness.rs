//! The order of tasks, the main future, other threads and timers; the cooperative budget.

#[path = "fairness/budget.rs"]
mod budget;
#[path = "fairness/foreign_block_on.rs"]
mod foreign_block_on;
#[path = "fairness/long_polls.rs"]
mod long_polls;
mod support;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use support::{my_waker, spin_until, until};
use wakeful::task::{coop, yield_now};
use wakeful::{Handle, Runtime, block_on, spawn, time};

type Story = Rc<RefCell<Vec<String>>>;

fn tell(story: &Story, what: impl Into<String>) {
    story.borrow_mut().push(what.into());
}

#[test]
fn tasks_run_in_the_order_in_which_they_are_queued() {
    let story = Story::default();
    block_on(async {
        let mut tasks = Vec::new();
        for name in ["a", "b", "c"] {
            let story = story.clone();
            tasks.push(spawn(async move {
                tell(&story, format!("{name}1"));
                yield_now().await;
                if name == "a" {
                    let story = story.clone();
                    spawn(async move { tell(&story, "child of a") });
                }
                tell(&story, format!("{name}2"));
                yield_now().await;
                tell(&story, format!("{name}3"));
            }));
        }
        tell(&story, "main1");
        yield_now().await;
        tell(&story, "main2");
        for task in tasks {
            task.await.unwrap();
        }
        tell(&story, "main3");
    });
    let expected = [
        "main1",
        "a1",
        "b1",
        "c1",
        "main2",
        "a2",
        "b2",
        "c2",
        "child of a",
        "a3",
        "b3",
        "c3",
        "main3",
    ];
    assert_eq!(*story.borrow(), expected);
}

#[test]
fn tasks_are_woken_in_the_order_of_their_wakes() {
    let story = Story::default();
    block_on(async {
        let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (story, wakers) = (story.clone(), wakers.clone());
                let mut waiting = true;
                spawn(poll_fn(move |cx| {
                    if std::mem::take(&mut waiting) {
                        wakers.borrow_mut().push(cx.waker().clone());
                        return Poll::Pending;
                    }
                    tell(&story, n.to_string());
                    Poll::Ready(())
                }))
            })
            .collect();
        yield_now().await;
        // The second wake of the same task does not move it.
        for n in [2, 0, 3, 2, 1, 0] {
            wakers.borrow()[n].wake_by_ref();
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*story.borrow(), ["2", "0", "3", "1"]);
}

#[test]
fn a_main_future_that_wakes_itself_lets_tasks_run() {
    // tokio #3475.
    let runtime = Runtime::new().unwrap();
    let done = Rc::new(Cell::new(false));
    let flag = done.clone();
    runtime.spawn(async move {
        for _ in 0..100 {
            yield_now().await;
        }
        flag.set(true);
    });
    let mut polls = 0_u32;
    runtime.block_on(poll_fn(|cx| {
        polls += 1;
        if done.get() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    // The main future and the task alternate: neither is polled twice in a row.
    assert_eq!(polls, 101);
}

#[test]
fn a_task_that_wakes_itself_lets_the_main_future_run() {
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    block_on(async move {
        spawn(poll_fn(move |cx| -> Poll<()> {
            count.set(count.get() + 1);
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        for _ in 0..50 {
            yield_now().await;
        }
        assert_eq!(polls.get(), 50);
    });
}

#[test]
fn a_loop_of_yields_lets_other_threads_wake() {
    block_on(async {
        let flag = Arc::new(AtomicBool::new(false));
        let waits = spawn({
            let flag = flag.clone();
            async move {
                let waker = my_waker().await;
                let there = flag.clone();
                let other = thread::spawn(move || {
                    there.store(true, Ordering::SeqCst);
                    waker.wake();
                });
                until(&flag).await;
                other.join().unwrap();
            }
        });
        while !waits.is_finished() {
            yield_now().await;
        }
    });
}

#[test]
fn a_loop_of_yields_lets_timers_fire() {
    block_on(async {
        let timer = spawn(time::sleep(Duration::from_millis(1)));
        while !timer.is_finished() {
            yield_now().await;
        }
    });
}

#[test]
fn other_threads_that_never_pause_let_timers_fire() {
    #[derive(Clone)]
    struct Counts {
        left: Rc<Cell<u64>>,
        stop: Rc<Cell<bool>>,
    }

    /// Each call sends the next message before it ends, so the loop always finds a message when it
    /// would sleep: the worst case of threads that send without a pause.
    fn again(handle: Handle, counts: Counts) {
        thread_local!(static CARRIED: RefCell<Option<Counts>> = const { RefCell::new(None) });
        let Counts { left, stop } = &counts;
        left.set(left.get() - 1);
        if left.get() == 0 || stop.get() {
            return;
        }
        // The closure must be `Send`; the counters stay here.
        CARRIED.set(Some(counts));
        let next = handle.clone();
        handle.spawn_with(move || {
            again(next, CARRIED.take().unwrap());
            std::future::ready(())
        });
    }

    // One loop sleeps at once, and one spins for messages first.
    for spin in [Duration::ZERO, Duration::from_secs(3600)] {
        let runtime = Runtime::builder().spin(spin).build().unwrap();
        let counts = Counts {
            left: Rc::new(Cell::new(1_000_000)),
            stop: Rc::default(),
        };
        let main = async {
            again(Handle::current(), counts.clone());
            time::sleep(Duration::from_millis(1)).await;
            counts.stop.set(true);
        };
        runtime.block_on(main);
        assert!(
            counts.left.get() > 0,
            "with spinning for {spin:?} the timer waited until the others had sent all messages"
        );
    }
}

#[test]
fn a_task_that_never_waits_is_aborted_from_another_thread() {
    block_on(async {
        let task = spawn(async {
            loop {
                coop::consume_budget().await;
            }
        });
        let stop = task.abort_handle();
        let other = thread::spawn(move || stop.abort());
        assert!(task.await.unwrap_err().is_cancelled());
        other.join().unwrap();
    });
}

#[test]
fn a_busy_loop_and_a_busy_thread_both_progress() {
    // Neither tasks that are always ready nor a thread that always sends starves the other.
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let stop = Arc::new(AtomicBool::new(false));
    let started = Arc::new(AtomicBool::new(false));
    let (there, begun) = (stop.clone(), started.clone());
    let sender = thread::spawn(move || {
        let mut sent = 0_u32;
        while sent == 0 || !there.load(Ordering::SeqCst) {
            let task = handle.spawn_with(|| async {});
            begun.store(true, Ordering::SeqCst);
            spin_until(|| task.is_finished());
            sent += 1;
        }
        sent
    });
    let turns = runtime.block_on(async {
        // The thread may get its first time slice late.
        while !started.load(Ordering::SeqCst) {
            yield_now().await;
        }
        let mut turns = 0_u32;
        while turns < 20_000 {
            turns += 1;
            yield_now().await;
        }
        time::sleep(Duration::from_millis(1)).await;
        stop.store(true, Ordering::SeqCst);
        turns
    });
    assert_eq!(turns, 20_000);
    // The thread may have to wait for its last time slice.
    while !sender.is_finished() {
        runtime.block_on(yield_now());
    }
    assert!(sender.join().unwrap() > 0);
}

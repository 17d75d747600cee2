//! The order of tasks, the main future, other threads and timers; the cooperative budget.

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use support::{my_waker, poll_once, spin_until, until};
use wakeful::reactor::Async;
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

// --- the budget

/// Consumes a unit as a resource does. `consume_budget` yields after some time as well.
async fn unit() {
    poll_fn(|cx| coop::poll_proceed(cx).map(coop::RestoreOnPending::made_progress)).await;
}

#[test]
fn an_always_ready_resource_yields() {
    let story = Story::default();
    block_on(async {
        let greedy = spawn({
            let story = story.clone();
            async move {
                for n in 1..=300 {
                    unit().await;
                    if n % 64 == 0 {
                        tell(&story, n.to_string());
                    }
                }
            }
        });
        let other = spawn({
            let story = story.clone();
            async move {
                for _ in 0..3 {
                    tell(&story, "other");
                    yield_now().await;
                }
            }
        });
        greedy.await.unwrap();
        other.await.unwrap();
    });
    // 128 units in each poll.
    let expected = ["64", "128", "other", "192", "256", "other", "other"];
    assert_eq!(*story.borrow(), expected);
}

#[test]
fn joining_ended_tasks_consumes_budget() {
    block_on(async {
        let tasks: Vec<_> = (0..1000).map(|_| spawn(async {})).collect();
        yield_now().await;
        let turns = Rc::new(Cell::new(0));
        let count = turns.clone();
        spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(turns.get(), 1000 / 128);
    });
}

#[test]
fn unconstrained_has_no_limit_and_ends_with_its_poll() {
    block_on(async {
        let mut polls = 0;
        let mut work = Box::pin(coop::unconstrained(async {
            for _ in 0..1000 {
                assert!(coop::has_budget_remaining());
                unit().await;
            }
        }));
        poll_fn(|cx| {
            polls += 1;
            work.as_mut().poll(cx)
        })
        .await;
        assert_eq!(polls, 1);
        // Its units were not consumed from the budget of the task around it.
        for _ in 0..128 {
            assert!(coop::has_budget_remaining());
            unit().await;
        }
        assert!(!coop::has_budget_remaining());
    });
}

#[test]
fn an_always_ready_future_yields_in_cooperative() {
    block_on(async {
        let rounds = Rc::new(Cell::new(0));
        let count = rounds.clone();
        let busy = spawn(async move {
            for _ in 0..1_000 {
                coop::cooperative(ready(())).await;
                count.set(count.get() + 1);
            }
        });
        yield_now().await;
        assert_eq!(rounds.get(), 128);
        busy.await.unwrap();
        assert_eq!(rounds.get(), 1_000);
    });
}

#[test]
fn a_pending_future_in_cooperative_consumes_nothing() {
    block_on(async {
        for _ in 0..1_000 {
            assert!(coop::cooperative(pending::<()>()).now_or_never().is_none());
        }
        assert!(coop::has_budget_remaining());
    });
}

#[test]
fn a_pending_operation_consumes_nothing() {
    block_on(poll_fn(|cx| {
        for _ in 0..1000 {
            assert!(coop::poll_proceed(cx).is_ready());
        }
        for _ in 0..128 {
            let Poll::Ready(unit) = coop::poll_proceed(cx) else {
                panic!("the budget is 128")
            };
            unit.made_progress();
        }
        assert!(!coop::has_budget_remaining());
        assert!(coop::poll_proceed(cx).is_pending());
        Poll::Ready(())
    }));
}

#[test]
fn outside_a_task_there_is_no_limit() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut spend = || {
        for _ in 0..1000 {
            match coop::poll_proceed(&mut cx) {
                Poll::Ready(unit) => unit.made_progress(),
                Poll::Pending => panic!("limited"),
            }
        }
    };
    spend();
    // A unit that outlives its poll, and a panic in a poll.
    let mut unit = None;
    block_on(poll_fn(|cx| {
        unit = Some(coop::poll_proceed(cx));
        Poll::Ready(())
    }));
    drop(unit);
    spend();
    support::panic_of(|| {
        block_on(poll_fn(|cx| -> Poll<()> {
            let _ = coop::poll_proceed(cx).map(coop::RestoreOnPending::made_progress);
            panic!("in a poll")
        }))
    });
    spend();
    let runtime = Runtime::new().unwrap();
    runtime.spawn(async {});
    runtime.block_on(yield_now());
    drop(runtime);
    spend();
}

#[test]
fn every_poll_begins_with_a_full_budget() {
    block_on(async {
        for _ in 0..3 {
            for _ in 0..128 {
                assert!(coop::has_budget_remaining());
                unit().await;
            }
            assert!(!coop::has_budget_remaining());
            spawn(async { assert!(coop::has_budget_remaining()) });
            yield_now().await;
        }
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

// --- loops of other crates

/// Like the `block_on` of another crate: polls again whenever it was woken, up to a million times.
fn foreign_block_on<F: Future>(future: F) -> F::Output {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    for _ in 0..1_000_000 {
        assert!(
            woken.0.swap(false, Ordering::SeqCst),
            "it would sleep forever"
        );
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
    }
    panic!("it would spin forever");
}

#[test]
fn another_crates_block_on_inside_a_poll_returns() {
    block_on(async {
        let work = || {
            foreign_block_on(async {
                for _ in 0..10_000 {
                    unit().await;
                }
                while !coop::has_budget_remaining() {
                    yield_now().await;
                }
            });
        };
        work();
        spawn(async move { work() }).await.unwrap();
        // One that has consumed the whole budget.
        spawn(async move {
            for _ in 0..128 {
                coop::consume_budget().await;
            }
            work();
        })
        .await
        .unwrap();
    });
}

#[test]
fn another_crates_block_on_inside_a_poll_reads_a_socket_to_its_end() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use wakeful::reactor::{Async, Interest};

    block_on(async {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(&[7; 4_000]).unwrap();
        let here = Async::new(here).unwrap();
        here.source().assume_ready(Interest::READABLE);
        let read = foreign_block_on(async {
            let mut read = 0;
            while read < 4_000 {
                let mut byte = [0];
                let mut op = || here.get_ref().read(&mut byte);
                read += here.source().io(Interest::READABLE, &mut op).await.unwrap();
            }
            read
        });
        assert_eq!(read, 4_000);
    });
}

#[test]
fn another_crates_block_on_inside_a_poll_is_not_asked_to_yield_forever() {
    block_on(async {
        foreign_block_on(async {
            // Computes for a whole quota.
            let began = std::time::Instant::now();
            while began.elapsed() < std::time::Duration::from_millis(2) {
                wakeful::task::should_yield();
            }
            while wakeful::task::should_yield() {
                yield_now().await;
            }
        });
    });
}

#[test]
fn a_poll_after_one_without_a_limit_has_a_limit() {
    block_on(async {
        foreign_block_on(async {
            for _ in 0..1_000 {
                unit().await;
            }
        });
        yield_now().await;
        for _ in 0..128 {
            let mut once = pin!(unit());
            assert!(poll_once(&mut once, Waker::noop()).is_ready());
        }
        let mut once = pin!(unit());
        assert!(poll_once(&mut once, Waker::noop()).is_pending());
    });
}

// --- long polls and yields

/// Keeps the thread busy.
fn compute(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// A pair of sockets, the first one watched by the reactor.
fn sockets() -> (Async<UnixStream>, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    (Async::new(here).unwrap(), there)
}

/// Reads, so that the source records that the socket is not readable.
fn unread(socket: &Async<UnixStream>) {
    let read = socket.try_read_with(|mut socket| socket.read(&mut [0; 8]));
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn long_polls_after_many_short_ones_do_not_delay_a_timer() {
    block_on(async {
        let mut late = Vec::new();
        for _ in 0..5 {
            for _ in 0..20_000 {
                yield_now().await;
            }
            let fired = Rc::new(Cell::new(false));
            let there = fired.clone();
            let deadline = Instant::now() + Duration::from_millis(1);
            let timer = spawn(async move {
                time::sleep_until(deadline.into()).await;
                there.set(true);
            });
            // Long polls end after the deadline, and the timer has not fired yet.
            let mut polls = 0_u32;
            while !fired.get() {
                compute(Duration::from_micros(500));
                polls += u32::from(Instant::now() > deadline);
                yield_now().await;
            }
            timer.await.unwrap();
            late.push(polls);
        }
        // After short polls the next time stamp is taken at most 8 polls later.
        assert!(late.iter().all(|&polls| polls <= 10), "{late:?}");
    });
}

#[test]
fn a_task_that_yields_runs_after_tasks_that_the_reactor_wakes() {
    block_on(async {
        let (here, mut there) = sockets();
        let story = Story::default();
        let reader = spawn({
            let story = story.clone();
            async move {
                for n in 0..10 {
                    unread(&here);
                    here.readable().await.unwrap();
                    let mut byte = [0];
                    here.try_read_with(|mut socket| socket.read(&mut byte))
                        .unwrap();
                    tell(&story, format!("read {n}"));
                }
            }
        });
        let writer = spawn({
            let story = story.clone();
            async move {
                // The reader waits.
                yield_now().await;
                for n in 0..10 {
                    tell(&story, format!("write {n}"));
                    there.write_all(b"x").unwrap();
                    // The slice has ended.
                    compute(Duration::from_micros(200));
                    yield_now().await;
                }
            }
        });
        reader.await.unwrap();
        writer.await.unwrap();
        let expected = (0..10).flat_map(|n| [format!("write {n}"), format!("read {n}")]);
        assert_eq!(*story.borrow(), expected.collect::<Vec<_>>());
    });
}

#[test]
fn readiness_is_seen_after_one_yield() {
    block_on(async {
        for _ in 0..3 {
            let (here, mut there) = sockets();
            unread(&here);
            there.write_all(b"x").unwrap();
            yield_now().await;
            let read = here.try_read_with(|mut socket| socket.read(&mut [0; 8]));
            assert_eq!(read.unwrap(), 1);
            // After a reactor turn without events, the next yields cause none, until the loop
            // sleeps.
            time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn readiness_does_not_starve_a_ready_task() {
    // Each reactor turn wakes a task that runs for longer than a slice, while another task waits.
    block_on(async {
        let (here, mut there) = sockets();
        let stop = Rc::new(Cell::new(false));
        let polls = Rc::new(Cell::new(0_u32));
        let busy = spawn({
            let (stop, polls) = (stop.clone(), polls.clone());
            async move {
                while !stop.get() {
                    there.write_all(b"x").unwrap();
                    here.readable().await.unwrap();
                    here.try_read_with(|mut socket| socket.read(&mut [0; 8]))
                        .unwrap();
                    polls.set(polls.get() + 1);
                    compute(Duration::from_micros(150));
                    yield_now().await;
                }
            }
        });
        for _ in 0..20 {
            let before = polls.get();
            yield_now().await;
            assert!(polls.get() <= before + 4);
        }
        stop.set(true);
        busy.await.unwrap();
    });
}

//! Scheduling classes: their shares of the loop's time, and which of them runs next.

#[path = "classes/edges.rs"]
mod edges;
#[path = "support/keeps.rs"]
mod keeps;
#[path = "classes/orders.rs"]
mod orders;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use wakeful::class::{Class, Error};
use wakeful::reactor::Async;
use wakeful::task::{coop, should_yield, yield_now};
use wakeful::{Runtime, spawn, spawn_in};

/// Keeps the thread busy.
fn compute(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// A task that computes in short polls until it is stopped.
fn start_computing(class: &Class, stop: &Rc<Cell<bool>>) -> wakeful::task::JoinHandle<()> {
    let stop = stop.clone();
    spawn_in(class, async move {
        while !stop.get() {
            compute(Duration::from_micros(30));
            yield_now().await;
        }
    })
}

fn run_time(class: &Class) -> Duration {
    class.stats().unwrap().run_time
}

fn class(name: &str, shares: u32) -> Class {
    Class::builder(name).shares(shares).build().unwrap()
}

/// Yields until the class has run for that time.
async fn until_it_had(class: &Class, time: Duration) {
    while run_time(class) < time {
        yield_now().await;
    }
}

/// Yields until the shares are within 3 % of the expected ones. They differ by a turn at most, but
/// on a busy machine a turn may be long; shares that are not kept never come near.
async fn until_they_settle(error: impl Fn() -> f64) {
    let began = Instant::now();
    while error() > 0.03 {
        assert!(began.elapsed() < Duration::from_secs(120), "{}", error());
        yield_now().await;
    }
}

#[test]
fn classes_that_compute_get_their_shares() {
    wakeful::block_on(async {
        let classes = [class("one", 100), class("two", 200), class("seven", 700)];
        let stop = Rc::default();
        // The same number of tasks in both classes: the shares count, not the number of tasks.
        let tasks: Vec<_> = (0..6)
            .map(|n| start_computing(&classes[n % 3], &stop))
            .collect();
        until_it_had(&classes[0], Duration::from_millis(20)).await;
        until_they_settle(|| {
            let times = classes.each_ref().map(run_time);
            let parts = times.iter().zip([1.0, 2.0, 7.0]);
            parts.fold(0.0, |worst: f64, (time, part)| {
                let ratio = time.as_secs_f64() / times[0].as_secs_f64() / part;
                worst.max((ratio - 1.0).abs())
            })
        })
        .await;
        stop.set(true);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn an_idle_class_earns_no_credit() {
    wakeful::block_on(async {
        let (early, late) = (class("early", 100), class("late", 100));
        let stop = Rc::default();
        let first = start_computing(&early, &stop);
        until_it_had(&early, Duration::from_millis(100)).await;
        let turns = |class: &Class| class.stats().unwrap().turns;
        let before = turns(&early);
        let second = start_computing(&late, &stop);
        while turns(&late) < 1_000 {
            yield_now().await;
        }
        let meanwhile = turns(&early) - before;
        stop.set(true);
        first.await.unwrap();
        second.await.unwrap();
        // With a credit for its idle time, the late class would have run in all of these turns.
        assert!(meanwhile > 0);
    });
}

#[test]
fn changed_shares_apply_from_then_on() {
    wakeful::block_on(async {
        let (a, b) = (class("a", 100), class("b", 100));
        let stop = Rc::default();
        let tasks = [start_computing(&a, &stop), start_computing(&b, &stop)];
        until_it_had(&a, Duration::from_millis(5)).await;
        b.set_shares(400).unwrap();
        let before = [run_time(&a), run_time(&b)];
        until_it_had(&a, before[0] + Duration::from_millis(20)).await;
        until_they_settle(|| {
            let times = [run_time(&a) - before[0], run_time(&b) - before[1]];
            (times[1].as_secs_f64() / times[0].as_secs_f64() / 4.0 - 1.0).abs()
        })
        .await;
        stop.set(true);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Records the order in which the tasks ran.
type Log = Rc<RefCell<Vec<&'static str>>>;

#[test]
fn a_class_with_a_latency_runs_next() {
    const EXPECTED: [&str; 6] = ["batch", "batch", "urgent", "batch", "batch", "batch"];
    // A class that had more than its share may have to wait, and on a busy machine one poll may
    // have been that long. A class that never runs next does not pass.
    let stories: Vec<_> = (0..20).map(|_| a_story_of_a_latency()).collect();
    assert!(
        stories.iter().any(|story| *story == EXPECTED),
        "{stories:?}"
    );
}

/// Runs two tasks of a batch, the second of which wakes one with a latency, and three more.
fn a_story_of_a_latency() -> Vec<&'static str> {
    wakeful::block_on(async {
        let log = Log::default();
        let urgent = Class::builder("urgent")
            .latency(Duration::from_millis(1))
            .build()
            .unwrap();
        let batch = class("batch", 100);
        let notify = Rc::new(tokio::sync::Notify::new());
        let waits = spawn_in(&urgent, {
            let (log, notify) = (log.clone(), notify.clone());
            async move {
                notify.notified().await;
                log.borrow_mut().push("urgent");
            }
        });
        yield_now().await;
        let tasks: Vec<_> = (0..5)
            .map(|n| {
                let (log, notify) = (log.clone(), notify.clone());
                spawn_in(&batch, async move {
                    log.borrow_mut().push("batch");
                    if n == 1 {
                        notify.notify_one();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        waits.await.unwrap();
        log.take()
    })
}

#[test]
fn a_class_with_a_latency_does_not_starve_the_others() {
    wakeful::block_on(async {
        let greedy = Class::builder("greedy")
            .shares(100)
            .latency(Duration::from_millis(50))
            .build()
            .unwrap();
        let batch = class("batch", 300);
        let stop = Rc::default();
        let tasks = [
            start_computing(&greedy, &stop),
            start_computing(&batch, &stop),
        ];
        until_it_had(&batch, Duration::from_millis(60)).await;
        // A little more than its share, as it may run first after it has waited for its latency.
        until_they_settle(|| {
            let ratio = run_time(&batch).as_secs_f64() / run_time(&greedy).as_secs_f64();
            (ratio / 3.0 - 1.0).abs() / 5.0
        })
        .await;
        stop.set(true);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn spawned_tasks_are_in_the_class_of_their_parent() {
    wakeful::block_on(async {
        let batch = class("batch", 10);
        let name = || Class::current().name().unwrap();
        let names = spawn_in(&batch, async move {
            let child = spawn(async move { name() });
            let built = wakeful::task::Builder::new().spawn(async move { name() });
            let mut set = wakeful::task::JoinSet::new();
            set.spawn(async move { name() });
            [
                child.await.unwrap(),
                built.await.unwrap(),
                set.join_next().await.unwrap().unwrap(),
            ]
        });
        assert_eq!(names.await.unwrap(), ["batch", "batch", "batch"]);
        // Tasks of another parent are not.
        assert_eq!(spawn(async move { name() }).await.unwrap(), "default");
        assert_eq!(name(), "default");
    });
}

#[test]
fn bad_classes_are_refused_with_a_reason() {
    wakeful::block_on(async {
        let error = Class::builder("none").shares(0).build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "class \"none\" has 0 shares, so its tasks would never run: give at least 1"
        );
        let a = class("a", 1);
        assert!(matches!(a.set_shares(0), Err(Error::NoShares { .. })));
        assert_eq!(a.stats().unwrap().shares, 1);
        let taken = Class::builder("a").build().unwrap_err();
        assert_eq!(taken, Error::NameTaken { name: "a".into() });
        assert_eq!(Class::current().remove(), Err(Error::IsDefault));
        a.clone().remove().unwrap();
        assert_eq!(a.name(), Err(Error::Gone));
        assert_eq!(a.clone().remove(), Err(Error::Gone));
        // Its slot may be used again, but not with the old handle.
        let b = class("a", 2);
        assert_eq!(a.set_shares(3), Err(Error::Gone));
        assert_eq!(b.stats().unwrap().shares, 2);
    });
}

#[test]
fn a_class_of_another_runtime_is_refused() {
    let one = Runtime::new().unwrap();
    let theirs = one.block_on(async { class("theirs", 1) });
    let two = Runtime::new().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        two.block_on(async { spawn_in(&theirs, async {}).await })
    }))
    .unwrap_err();
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    assert!(text.unwrap().contains("belongs to another runtime"));
    drop(one);
    assert_eq!(theirs.name(), Err(Error::Gone));
}

#[test]
fn a_class_may_be_dropped_while_its_tasks_run() {
    wakeful::block_on(async {
        let batch = class("batch", 10);
        let gone = batch.clone();
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let batch = batch.clone();
                spawn_in(&gone, async move {
                    if n == 3 {
                        batch.remove().unwrap();
                    }
                    yield_now().await;
                    let child = spawn(async { Class::current().name().unwrap() });
                    yield_now().await;
                    child.await.unwrap()
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "default");
        }
    });
}

#[test]
fn slots_of_removed_classes_are_used_again() {
    wakeful::block_on(async {
        for n in 0..1_000 {
            let class = class(&format!("class {n}"), 10);
            assert_eq!(spawn_in(&class, async { 1 }).await.unwrap(), 1);
            class.remove().unwrap();
        }
        // A class that still has a task keeps its slot.
        let busy = class("busy", 10);
        let task = spawn_in(&busy, std::future::pending::<()>());
        busy.remove().unwrap();
        let other = class("other", 10);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(spawn_in(&other, async { 2 }).await.unwrap(), 2);
    });
}

#[test]
fn a_long_computation_is_asked_to_yield() {
    wakeful::block_on(async {
        // Not at once, but after some time, and then again and again in the same poll.
        assert!(!should_yield());
        while !should_yield() {}
        assert!(should_yield());
        yield_now().await;
        assert!(!should_yield());
        // Without a limit it is never asked.
        coop::unconstrained(async {
            compute(Duration::from_millis(2));
            assert!(!(0..100_000).any(|_| should_yield()));
        })
        .await;
    });
    assert!(!(0..100_000).any(|_| should_yield()));
}

#[test]
fn the_budget_of_a_computation_ends_with_its_time() {
    wakeful::block_on(async {
        let others = Rc::new(Cell::new(0));
        let other = spawn({
            let others = others.clone();
            async move { others.set(1) }
        });
        // Far fewer than the operations that a poll may do.
        for _ in 0..20 {
            compute(Duration::from_millis(1));
            coop::consume_budget().await;
        }
        assert_eq!(others.get(), 1);
        other.await.unwrap();
    });
}

#[test]
fn a_ready_class_with_a_latency_makes_a_computation_yield() {
    wakeful::block_on(async {
        let hour = Duration::from_secs(3600);
        let batch = Class::builder("batch").quota(hour).build().unwrap();
        let urgent = Class::builder("urgent").latency(2 * hour).build().unwrap();
        let notify = Rc::new(tokio::sync::Notify::new());
        let waits = spawn_in(&urgent, {
            let notify = notify.clone();
            async move { notify.notified().await }
        });
        yield_now().await;
        let batch = spawn_in(&batch, async move {
            assert!(!(0..100_000).any(|_| should_yield()));
            notify.notify_one();
            while !should_yield() {}
        });
        batch.await.unwrap();
        waits.await.unwrap();
    });
}

#[test]
fn the_times_of_a_class_add_up() {
    wakeful::block_on(async {
        let batch = class("batch", 100);
        let stop = Rc::default();
        let task = start_computing(&batch, &stop);
        until_it_had(&batch, Duration::from_millis(5)).await;
        stop.set(true);
        task.await.unwrap();
        let stats = batch.stats().unwrap();
        assert_eq!(
            (stats.name.as_str(), stats.shares, stats.ready),
            ("batch", 100, 0)
        );
        assert!(stats.polls > 0 && stats.turns > 0);
        // It was spawned, waited for the main future, and ran.
        assert!(stats.run_time >= Duration::from_millis(5));
        assert!(stats.starve_time > Duration::ZERO);
    });
}

#[test]
fn a_remote_wake_is_received_after_one_poll_if_a_class_has_a_latency() {
    wakeful::block_on(async {
        let urgent = Class::builder("urgent").latency(Duration::from_millis(1));
        let urgent = urgent.build().unwrap();
        let (polls, woken_at) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let event = Arc::new((AtomicBool::new(false), AtomicWaker::new()));
        let waits = spawn_in(&urgent, {
            let (event, polls) = (event.clone(), polls.clone());
            poll_fn(move |cx| {
                event.1.register(cx.waker());
                match event.0.load(Ordering::SeqCst) {
                    true => Poll::Ready(polls.get()),
                    false => Poll::Pending,
                }
            })
        });
        // Short polls, of which the loop would run many before it receives messages.
        for _ in 0..100 {
            let (event, polls, woken_at) = (event.clone(), polls.clone(), woken_at.clone());
            spawn(async move {
                for _ in 0..100 {
                    polls.set(polls.get() + 1);
                    if polls.get() == 5_000 {
                        let event = event.clone();
                        let wake = move || {
                            event.0.store(true, Ordering::SeqCst);
                            event.1.wake();
                        };
                        std::thread::spawn(wake).join().unwrap();
                        woken_at.set(polls.get());
                    }
                    yield_now().await;
                }
            });
        }
        assert_eq!(waits.await.unwrap(), 5_000);
        assert_eq!(woken_at.get(), 5_000);
    });
}

#[test]
fn with_a_latency_the_reactor_is_polled_after_each_long_poll() {
    wakeful::block_on(async {
        let (here, mut there) = UnixStream::pair().unwrap();
        let here = Async::new(here).unwrap();
        let requests = Class::builder("requests").latency(Duration::from_micros(100));
        let requests = requests.build().unwrap();
        let batch = Class::builder("batch").build().unwrap();
        let answered = Rc::new(Cell::new(0));
        let count = answered.clone();
        let reader = spawn_in(&requests, async move {
            for _ in 0..10 {
                here.read_with(|mut socket| socket.read(&mut [0]))
                    .await
                    .unwrap();
                count.set(count.get() + 1);
            }
        });
        let writer = spawn_in(&batch, async move {
            // The reader waits, and its class has had less than its share, however long its first
            // poll took: under emulation that takes longer than all that follows.
            compute(Duration::from_millis(20));
            yield_now().await;
            let mut in_time = 0;
            for n in 0..10 {
                in_time += u32::from(answered.get() == n);
                there.write_all(b"x").unwrap();
                compute(Duration::from_millis(1));
                yield_now().await;
            }
            // Where the system interrupts the reader, its class gets less for a while.
            assert!(in_time >= 6, "{in_time}");
        });
        writer.await.unwrap();
        reader.await.unwrap();
    });
}

//! Operations on wakers are events of the task that they wake, and add up to the number of wakers.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io::Write;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use wakeful::task::yield_now;
use wakeful::time::{sleep, timeout};

use crate::named;
use crate::net;
use crate::recorder::Recorder;
use crate::support::my_waker;

type Place = Rc<RefCell<Option<Waker>>>;

/// Leaves a waker once, and is ready when it is polled again.
async fn leave_waker(place: Place) {
    let mut left = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut left, true) {
            return Poll::Ready(());
        }
        *place.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

#[test]
fn clones_wakes_by_ref_and_drops_are_events() {
    let ((), recorder) = Recorder::run(async {
        let place = Place::default();
        let task = named("waits", leave_waker(place.clone()));
        yield_now().await;
        let waker = place.take().expect("it was left");
        waker.wake_by_ref();
        drop(waker);
        task.await.unwrap();
    });
    let ops = recorder.waker_ops(&recorder.task("waits"));
    assert_eq!(ops, ["clone", "wake_by_ref", "drop"]);
}

#[test]
fn a_wake_by_value_is_not_also_a_drop() {
    let ((), recorder) = Recorder::run(async {
        let place = Place::default();
        let task = named("waits", leave_waker(place.clone()));
        yield_now().await;
        place.take().expect("it was left").wake();
        task.await.unwrap();
    });
    let task = recorder.task("waits");
    assert_eq!(recorder.waker_ops(&task), ["clone", "wake"]);
    assert_eq!(recorder.wakers(&task), 0);
}

#[test]
fn a_wake_before_the_first_poll_or_after_the_end_is_an_event_as_well() {
    let ((), recorder) = Recorder::run(async {
        let place = Place::default();
        let task = named("waits", leave_waker(place.clone()));
        yield_now().await;
        let waker = place.take().expect("it was left");
        waker.wake_by_ref();
        waker.wake_by_ref();
        task.await.unwrap();
        waker.wake();
    });
    let ops = recorder.waker_ops(&recorder.task("waits"));
    assert_eq!(ops, ["clone", "wake_by_ref", "wake_by_ref", "wake"]);
}

#[test]
fn a_task_that_wakes_itself_has_its_span_entered_meanwhile() {
    let ((), recorder) = Recorder::run(async { named("yields", yield_now()).await.unwrap() });
    let task = recorder.task("yields");
    assert_eq!(recorder.waker_ops(&task), ["wake_by_ref"]);
    let events = recorder.events("runtime::waker");
    let own = |event: &&crate::recorder::Told| event.within == [task.id];
    assert_eq!(events.iter().filter(own).count(), 1);
    // Its end, which wakes the task that joins it, is outside.
    let main = recorder.task("main");
    assert_eq!(recorder.waker_ops(&main), ["clone", "wake"]);
}

#[test]
fn a_wake_from_another_thread_is_an_event_on_that_thread() {
    let recorder = Recorder::new();
    let thread = recorder.on(|| {
        wakeful::block_on(async {
            let place = Place::default();
            let task = named("waits", leave_waker(place.clone()));
            yield_now().await;
            let waker = place.take().expect("it was left");
            let there = recorder.clone();
            let other = thread::spawn(move || {
                there.on(|| {
                    waker.wake_by_ref();
                    drop(waker.clone());
                    waker.wake();
                });
                thread::current().id()
            });
            task.await.unwrap();
            other.join().unwrap()
        })
    });
    recorder.check();
    let task = recorder.task("waits");
    let ops = recorder.waker_ops(&task);
    assert_eq!(ops, ["clone", "wake_by_ref", "clone", "drop", "wake"]);
    let mut events = recorder.events("runtime::waker");
    events.retain(|event| event.thread == thread);
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event.within.is_empty()));
}

#[test]
fn an_abort_handle_is_counted_as_a_waker() {
    let ((), recorder) = Recorder::run(async {
        let task = named("aborted", pending::<()>());
        let handle = task.abort_handle();
        drop(handle.clone());
        handle.abort();
        drop(handle);
        task.await.unwrap_err();
    });
    let task = recorder.task("aborted");
    assert_eq!(
        recorder.waker_ops(&task),
        ["clone", "clone", "drop", "drop"]
    );
}

/// tokio-console warns of a task that waits and has no waker. Wherever the runtime stores the waker
/// of a task, it is counted.
#[test]
fn a_waiting_task_has_a_waker_and_an_ended_one_has_none() {
    let recorder = Recorder::new();
    recorder.on(|| {
        wakeful::block_on(async {
            let (here, mut there) = net::tcp_and_std().await;
            let hour = Duration::from_secs(3600);
            let tasks = [
                named("sleep", async move { sleep(hour).await }),
                named("timeout", async move {
                    let _ = timeout(hour, pending::<()>()).await;
                }),
                named("read", async move {
                    let _ = here.read(&mut [0; 8]).await;
                }),
                named("join", async {
                    let _ = named("joined", pending::<()>()).await;
                }),
                named("keeps", async {
                    let _waker = my_waker().await;
                    pending::<()>().await;
                }),
            ];
            for _ in 0..3 {
                yield_now().await;
            }
            for name in ["sleep", "timeout", "read", "join", "keeps"] {
                assert_eq!(recorder.wakers(&recorder.task(name)), 1, "{name}");
            }
            there.write_all(b"x").unwrap();
            for (task, name) in tasks.into_iter().zip(["sleep", "timeout", "read", "join"]) {
                if name != "read" {
                    task.abort();
                }
                let _ = task.await;
                assert_eq!(recorder.wakers(&recorder.task(name)), 0, "{name}");
            }
        });
    });
    recorder.check();
    for task in recorder.tasks("task") {
        assert_eq!(recorder.wakers(&task), 0, "{task:?}");
    }
}

#[test]
fn the_wakers_of_a_busy_program_add_up() {
    let ((), recorder) = Recorder::run(async {
        let mut set = wakeful::task::JoinSet::new();
        for n in 0..10_u64 {
            set.spawn(async move {
                let (one, other) = net::tcp_pair().await;
                net::both_ways([one, other], 1000).await;
                sleep(Duration::from_micros(n)).await;
                wakeful::spawn_blocking(|| ()).await.unwrap();
                let _ = timeout(Duration::from_micros(n), pending::<()>()).await;
                let mut ticks = wakeful::time::interval(Duration::from_micros(10));
                ticks.tick().await;
                ticks.tick().await;
            });
        }
        while let Some(ended) = set.join_next().await {
            ended.unwrap();
        }
    });
    assert!(recorder.tasks("task").len() >= 10);
    for task in recorder.named("runtime.spawn") {
        assert_eq!(recorder.wakers(&task), 0, "{task:?}");
        assert_eq!(task.enters, task.exits);
    }
    assert!(recorder.spans().iter().all(|span| span.is_closed()));
}

//! The metrics of a runtime, and the page that Prometheus fetches.

#[path = "metrics/page.rs"]
mod page;
#[path = "support/mod.rs"]
mod support;

use std::future::{pending, poll_fn};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use support::{my_waker, spin_until, yield_until};
use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::{Builder, Metrics, MetricsLevel, Runtime};

#[test]
fn the_metrics_of_a_new_runtime_are_zero() {
    let metrics = Runtime::new().unwrap().metrics();
    assert_eq!((metrics.tasks_alive, metrics.tasks_spawned), (0, 0));
    let wakes = (
        metrics.wakes_local,
        metrics.wakes_remote,
        metrics.wakes_coalesced,
    );
    assert_eq!(wakes, (0, 0, 0));
    assert_eq!((metrics.timers_armed, metrics.stalls), (0, 0));
    assert!(metrics.wake_to_poll.is_none() && metrics.poll_time.is_none());
}

/// Returns the differences between two snapshots.
fn wakes(before: &Metrics, after: &Metrics) -> [u64; 3] {
    [
        after.wakes_local - before.wakes_local,
        after.wakes_remote - before.wakes_remote,
        after.wakes_coalesced - before.wakes_coalesced,
    ]
}

#[test]
fn wakes_on_the_owner_thread_are_local_or_coalesced() {
    let runtime = Runtime::new().unwrap();
    let mut sleeper = None;
    runtime.block_on(async {
        let task = wakeful::spawn(async {
            let waker = my_waker().await;
            let mut woken = false;
            poll_fn(|_| match std::mem::replace(&mut woken, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            drop(waker);
            pending::<()>().await;
        });
        yield_now().await;
        sleeper = Some(task);
    });
    let before = runtime.metrics();
    // Neither a spawn nor a new `block_on` is a wake.
    runtime.block_on(async { drop(wakeful::spawn(pending::<()>())) });
    assert_eq!(wakes(&before, &runtime.metrics()), [0, 0, 0]);
    let before = runtime.metrics();
    runtime.block_on(async {
        // A task that leaves its waker; the waker is called three times in a row.
        let task = wakeful::spawn(async {
            let waker = my_waker().await;
            for _ in 0..3 {
                waker.wake_by_ref();
            }
            yield_now().await;
        });
        // The join is a wake, too. The `yield_now` of the task finds it queued already.
        task.await.unwrap();
    });
    let [local, remote, coalesced] = wakes(&before, &runtime.metrics());
    assert_eq!((local, remote), (2, 0));
    assert!(coalesced >= 2, "{coalesced}");
    drop(sleeper);
}

#[test]
fn wakes_from_other_threads_are_remote() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let before = Metrics::current();
        let mut handed_over = false;
        let task = wakeful::spawn(poll_fn(move |cx| {
            if handed_over {
                return Poll::Ready(());
            }
            handed_over = true;
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        }));
        task.await.unwrap();
        let after = Metrics::current();
        assert_eq!(after.wakes_remote - before.wakes_remote, 1);
    });
    let metrics = runtime.metrics();
    // The wake of the join.
    assert_eq!((metrics.wakes_local, metrics.wakes_remote), (1, 1));
}

#[test]
fn wakes_of_a_task_with_a_pending_message_are_coalesced() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(pending::<()>());
    let waker = {
        let (sender, receiver) = std::sync::mpsc::channel();
        runtime.block_on(async move {
            let other = wakeful::spawn(async move {
                sender.send(my_waker().await).unwrap();
                pending::<()>().await;
            });
            yield_now().await;
            drop(other);
        });
        receiver.recv().unwrap()
    };
    // The loop does not run, so only the first of these becomes a message.
    let other = thread::spawn(move || (0..5).for_each(|_| waker.wake_by_ref()));
    other.join().unwrap();
    assert_eq!(runtime.metrics().wakes_coalesced, 4);
    runtime.block_on(async { yield_until(|| Metrics::current().wakes_remote == 1).await });
    drop(task);
}

#[test]
fn an_abort_is_not_a_wake() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let task = wakeful::spawn(pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    // The wakes of the yield and of the join.
    assert_eq!(runtime.metrics().wakes_local, 2);
    assert_eq!(runtime.metrics().tasks_alive, 0);
}

#[test]
fn local_wakes_never_decrease() {
    wakeful::block_on(async {
        let mut last = 0;
        for _ in 0..2000 {
            let now = Metrics::current().wakes_local;
            assert!(now >= last, "{now} after {last}");
            last = now;
            let task = wakeful::spawn(yield_now());
            yield_now().await;
            task.await.unwrap();
        }
        assert!(last > 2000, "{last}");
    });
}

#[test]
fn timers_are_counted() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let millisecond = Duration::from_millis(1);
        sleep(millisecond).await;
        {
            // Armed, and dropped before it fires.
            let mut dropped = Box::pin(sleep(millisecond));
            assert!(support::poll_once(&mut dropped, &my_waker().await).is_pending());
            assert_eq!(Metrics::current().timers, 1);
        }
        let metrics = Metrics::current();
        let timers = (metrics.timers, metrics.timers_armed, metrics.timers_fired);
        assert_eq!(timers, (0, 2, 1));
        assert_eq!(metrics.timers_late, 0);
        // The clock jumps past the deadline by a second.
        let late = wakeful::spawn(sleep(millisecond));
        yield_now().await;
        wakeful::time::advance(Duration::from_secs(1)).await;
        late.await.unwrap();
        assert_eq!(Metrics::current().timers_late, 1);
    });
}

#[test]
fn waits_and_events_are_counted_together() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        sleep(Duration::from_millis(1)).await;
        let waker = my_waker().await;
        thread::spawn(move || waker.wake());
        let mut first = true;
        poll_fn(|_| match std::mem::take(&mut first) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    });
    let metrics = runtime.metrics();
    assert!(metrics.waits > 0);
    assert_eq!(metrics.events_per_wait.count(), metrics.waits);
    assert_eq!(metrics.events_per_wait.sum(), metrics.events);
}

#[test]
fn times_are_measured_if_requested() {
    let runtime = Builder::new()
        .metrics_level(MetricsLevel::Times)
        .build()
        .unwrap();
    const LONG: Duration = Duration::from_millis(20);
    runtime.block_on(async {
        // Two queued tasks: the second waits for as long as the first is polled.
        let first = wakeful::spawn(async {
            let begin = std::time::Instant::now();
            spin_until(|| begin.elapsed() >= LONG);
        });
        let second = wakeful::spawn(async {});
        first.await.unwrap();
        second.await.unwrap();
    });
    let metrics = runtime.metrics();
    let (waits, polls) = (metrics.wake_to_poll.unwrap(), metrics.poll_time.unwrap());
    assert_eq!(polls.count(), metrics.polls);
    assert_eq!(waits.count(), metrics.polls);
    assert!(polls.max() >= LONG.as_nanos() as u64, "{polls:?}");
    assert!(waits.max() >= LONG.as_nanos() as u64, "{waits:?}");
    assert!(polls.quantile(0.01) < polls.max(), "{polls:?}");
}

#[test]
fn current_needs_a_runtime() {
    assert!(Metrics::try_current().is_none());
    assert!(support::panic_of(Metrics::current).contains("no Wakeful runtime"));
    Runtime::new()
        .unwrap()
        .enter(|| assert!(Metrics::try_current().is_some()));
}

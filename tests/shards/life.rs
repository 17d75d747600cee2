//! The lifecycle of services: how they end, and which calls report it.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::task::Waker;
use std::time::Duration;

use wakeful::Shards;
use wakeful::shard::{FailureReason, OnFailure, ShardFailure, ShardsError};

use crate::support::{Panicking, poll_once};

/// Long enough that no test waits until it has passed.
const LONG: Duration = Duration::from_secs(600);

fn failures(result: Result<(), ShardsError>) -> Vec<ShardFailure> {
    match result.unwrap_err() {
        ShardsError::Failed(failures) => failures,
        other => panic!("{other:?}"),
    }
}

/// Sends a message when it is dropped.
struct Tell(Sender<usize>, usize);

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[test]
fn join_waits_for_the_services_and_cancels_other_tasks() {
    let (tell, told) = channel();
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.on_each(move |shard| {
        let tell = Tell(tell.clone(), shard.id().index());
        async move {
            wakeful::spawn(async move {
                let _tell = tell;
                pending::<()>().await;
            });
            for _ in 0..100 {
                wakeful::task::yield_now().await;
            }
        }
    });
    shards.join().unwrap();
    let mut cancelled: Vec<_> = told.iter().collect();
    cancelled.sort_unstable();
    assert_eq!(cancelled, [0, 1]);
}

#[test]
fn several_services_run_concurrently() {
    let count = Arc::new(AtomicUsize::new(0));
    let shards = Shards::builder().shards(2).build().unwrap();
    for n in [1, 10] {
        let count = count.clone();
        shards.on_each(move |_| {
            let count = count.clone();
            async move { _ = count.fetch_add(n, Ordering::Relaxed) }
        });
    }
    shards.join().unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 22);
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_stops_all_shards_and_join_returns_it() {
    let stopped = Arc::new(AtomicUsize::new(0));
    let counted = stopped.clone();
    // A stop that comes before a service has begun drops the service.
    let begun = Barrier::new(3);
    let shards = Shards::builder()
        .shards(3)
        .shutdown_timeout(LONG)
        .on_each(move |shard| {
            begun.wait();
            let stopped = counted.clone();
            async move {
                assert_ne!(shard.id().index(), 1, "on purpose");
                shard.stopping().await;
                stopped.fetch_add(1, Ordering::Relaxed);
            }
        })
        .unwrap();
    let mut failures = failures(shards.join());
    assert_eq!(failures.len(), 1);
    let failure = failures.remove(0);
    assert_eq!(failure.shard.index(), 1);
    assert!(failure.to_string().contains("on purpose"), "{failure}");
    let FailureReason::Panicked(error) = failure.reason else {
        panic!("{failure:?}");
    };
    let payload = error.into_panic();
    assert!(
        payload
            .downcast_ref::<String>()
            .unwrap()
            .contains("on purpose")
    );
    assert_eq!(stopped.load(Ordering::Relaxed), 2);
}

#[test]
#[cfg(panic = "unwind")]
fn with_continue_the_other_services_and_the_loop_of_the_panic_continue() {
    let shards = Shards::builder()
        .shards(2)
        .on_failure(OnFailure::Continue)
        .on_each(|shard| async move {
            if shard.id().index() == 1 {
                panic!("on purpose");
            }
            // Until the other service has panicked; its loop continues, and this shard is not
            // stopped.
            let alive = shard.call(1, || async { 7 }).await.unwrap();
            assert_eq!(alive, 7);
            for _ in 0..1_000 {
                wakeful::task::yield_now().await;
                assert!(!shard.is_stopping());
            }
        })
        .unwrap();
    let failures = failures(shards.join());
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].shard.index(), 1);
}

#[test]
#[cfg(panic = "unwind")]
fn a_panic_of_the_function_that_creates_the_service_is_one_of_the_service() {
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.on_each(|shard| {
        assert_ne!(shard.id().index(), 0, "no future");
        async move { shard.stopping().await }
    });
    let failures = failures(shards.join());
    assert_eq!(failures.len(), 1);
    assert!(failures[0].to_string().contains("no future"));
}

#[test]
fn a_service_that_returns_an_error_has_failed() {
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(|shard| async move {
        if shard.id().index() == 0 {
            return Err(std::io::Error::other("the disk is full"));
        }
        shard.stopping().await;
        Ok(())
    });
    let failures = failures(shards.join());
    assert_eq!(failures.len(), 1);
    assert!(matches!(failures[0].reason, FailureReason::Failed(_)));
    assert_eq!(
        failures[0].to_string(),
        "shard 0: its service failed: the disk is full"
    );
}

#[test]
#[cfg(panic = "unwind")]
fn the_panic_of_a_loop_is_returned_too() {
    let shards = Shards::builder()
        .shards(2)
        .configure(|builder| builder.max_poll(Duration::ZERO))
        .on_failure(OnFailure::Continue)
        .on_each(|_| async { wakeful::task::yield_now().await })
        .unwrap();
    let failures = failures(shards.join());
    let panicked = |failure: &ShardFailure| matches!(failure.reason, FailureReason::Panicked(_));
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures.iter().all(panicked), "{failures:?}");
}

#[test]
fn shutdown_lets_services_finish() {
    let (tell, told) = channel();
    let shards = Shards::builder()
        .shards(2)
        .on_each(move |shard| {
            let tell = tell.clone();
            async move {
                tell.send("ready").unwrap();
                shard.stopping().await;
                assert!(shard.is_stopping());
                // Work that takes some more time.
                let rest = wakeful::spawn_blocking(|| "finished");
                tell.send(rest.await.unwrap()).unwrap();
            }
        })
        .unwrap();
    for _ in 0..2 {
        assert_eq!(told.recv().unwrap(), "ready");
    }
    shards.shutdown(LONG).unwrap();
    let rest: Vec<_> = told.iter().collect();
    assert_eq!(rest, ["finished", "finished"]);
}

#[test]
fn a_late_service_is_cancelled_and_named() {
    let (tell, told) = channel();
    // The clock of each shard is paused, so it jumps to the deadline when no task is ready.
    let shards = Shards::builder()
        .shards(3)
        .configure(|builder| builder.start_paused(true))
        .on_each(move |shard| {
            let index = shard.id().index();
            let tell = Tell(tell.clone(), index);
            async move {
                shard.stopping().await;
                if index == 1 {
                    pending::<()>().await;
                }
                drop(tell);
            }
        })
        .unwrap();
    let failures = failures(shards.shutdown(LONG));
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].shard.index(), 1);
    assert!(matches!(failures[0].reason, FailureReason::TimedOut));
    // The future of the late service was dropped, too.
    assert_eq!(told.iter().count(), 3);
}

#[test]
fn a_blocked_thread_is_reported_and_detached() {
    let gate = Arc::new(Barrier::new(2));
    let (tell, told) = channel();
    let blocked = gate.clone();
    let shards = Shards::builder()
        .shards(2)
        .shutdown_timeout(Duration::from_millis(1))
        .on_each(move |shard| {
            let (gate, tell) = (blocked.clone(), tell.clone());
            async move {
                tell.send(()).unwrap();
                if shard.id().index() == 0 {
                    // Blocks the loop.
                    gate.wait();
                    tell.send(()).unwrap();
                }
            }
        })
        .unwrap();
    told.recv().unwrap();
    told.recv().unwrap();
    let failures = failures(shards.shutdown(Duration::ZERO));
    assert!(matches!(failures[0].reason, FailureReason::Unresponsive));
    assert_eq!(failures[0].shard.index(), 0);
    assert!(failures[0].to_string().contains("blocks its thread"));
    // It ends later.
    gate.wait();
    assert_eq!(told.iter().count(), 1);
}

#[test]
fn a_service_may_stop_all_shards() {
    let shards = Shards::builder()
        .shards(2)
        .on_each(|shard| async move {
            if shard.id().index() == 0 {
                shard.stop_all(LONG);
            }
            shard.stopping().await;
        })
        .unwrap();
    shards.join().unwrap();
}

#[test]
fn the_earlier_of_two_deadlines_applies() {
    /// Reports how long it lived.
    struct Waited(Sender<Duration>, wakeful::time::Instant);
    impl Drop for Waited {
        fn drop(&mut self) {
            self.0.send(self.1.elapsed()).unwrap();
        }
    }
    let (tell, told) = channel();
    let shards = Shards::builder()
        .shards(1)
        .configure(|builder| builder.start_paused(true))
        .on_each(move |shard| {
            let tell = tell.clone();
            async move {
                let _waited = Waited(tell, wakeful::time::Instant::now());
                // In virtual time both deadlines are one jump away, so both are set before the
                // first wait.
                shard.stop_all(LONG);
                shard.stop_all(Duration::from_secs(60));
                pending::<()>().await;
            }
        })
        .unwrap();
    let failures = failures(shards.join());
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(matches!(failures[0].reason, FailureReason::TimedOut));
    assert_eq!(told.recv().unwrap(), Duration::from_secs(60));
}

#[test]
fn many_tasks_wait_for_the_stop_and_some_are_dropped() {
    let shards = Shards::builder()
        .shards(1)
        .on_each(|shard| async move {
            let given_up = wakeful::spawn({
                let shard = shard.clone();
                async move { shard.stopping().await }
            });
            let waiting: Vec<_> = (0..100)
                .map(|_| {
                    let shard = shard.clone();
                    wakeful::spawn(async move { shard.stopping().await })
                })
                .collect();
            wakeful::task::yield_now().await;
            given_up.abort();
            assert!(given_up.await.unwrap_err().is_cancelled());
            shard.stop_all(LONG);
            for task in waiting {
                task.await.unwrap();
            }
        })
        .unwrap();
    shards.join().unwrap();
}

/// The waker of a waiter may be foreign and panic; the waiters after it are woken nevertheless.
#[test]
#[cfg(panic = "unwind")]
fn a_waker_that_panics_does_not_delay_the_stop() {
    let shards = Shards::builder()
        .shards(1)
        .on_each(|shard| async move {
            let bad = Waker::from(Arc::new(Panicking));
            let mut waits = Box::pin(shard.stopping());
            assert!(poll_once(&mut waits, &bad).is_pending());
            let other = shard.clone();
            let hears = wakeful::spawn(async move { other.stopping().await });
            wakeful::task::yield_now().await;
            shard.stop_all(LONG);
            hears.await.unwrap();
        })
        .unwrap();
    shards.join().unwrap();
}

#[test]
fn dropping_shards_stops_them() {
    let (tell, told) = channel();
    let shards = Shards::builder()
        .shards(2)
        .shutdown_timeout(LONG)
        .on_each(move |shard| {
            let tell = tell.clone();
            async move {
                tell.send(()).unwrap();
                shard.stopping().await;
                tell.send(()).unwrap();
            }
        })
        .unwrap();
    told.recv().unwrap();
    drop(shards);
    assert_eq!(told.iter().count(), 3);
}

#[test]
fn a_service_started_after_the_stop_is_dropped() {
    let shards = Shards::builder().shards(1).build().unwrap();
    shards.stop(Duration::ZERO);
    let handle = shards.handle(0).clone();
    // The loop ends as soon as it receives the stop.
    while wakeful::block_on(handle.spawn_with(|| async {})).is_ok() {}
    shards.on_each(|_| async { panic!("it does not run") });
    shards.join().unwrap();
}

#[test]
#[cfg(panic = "unwind")]
fn a_join_on_a_shard_panics() {
    let (give, take) = channel::<Shards>();
    let take = Arc::new(std::sync::Mutex::new(take));
    let shards = Shards::builder().shards(1).build().unwrap();
    let task = shards.spawn_on(0, move || async move {
        let shards = take.lock().unwrap().recv().unwrap();
        let panic = catch_unwind(AssertUnwindSafe(|| shards.join())).unwrap_err();
        *panic.downcast_ref::<&str>().unwrap()
    });
    give.send(shards).unwrap();
    let message = wakeful::block_on(task).unwrap();
    assert!(message.contains("can't wait for itself"), "{message}");
}

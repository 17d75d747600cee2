//! Wakeful as the runtime of a Raft node: openraft's own tests of a runtime, and further ones.
//!
//! Runs with the feature `openraft`, where all futures have to be `Send`, and with
//! `openraft-single-threaded`, where none has to be.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use openraft_rt::testing::Suite;
use openraft_rt::{AsyncRuntime, Mpsc, MpscReceiver};
use wakeful::{Builder, Metrics, Runtime};
use wakeful_openraft::{Channels, JoinHandle, Sleep, Timeout, WakefulRuntime};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn the_test_suite_of_openraft_passes() {
    Suite::<WakefulRuntime>::test_all();
}

#[test]
fn the_test_suite_of_openraft_passes_in_virtual_time() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    Suite::test_all_on(&mut WakefulRuntime::from(runtime));
}

#[wakeful::test]
async fn a_task_continues_when_its_handle_is_dropped() {
    let (sender, mut receiver) = <Channels as Mpsc>::channel(1);
    drop(WakefulRuntime::spawn(async move {
        wakeful::task::yield_now().await;
        sender.send(7).await.unwrap();
    }));
    assert_eq!(receiver.recv().await, Some(7));
}

#[wakeful::test]
async fn a_panic_is_in_the_error_of_the_handle() {
    let error = WakefulRuntime::spawn(async { panic!("the disk is on fire") })
        .await
        .unwrap_err();
    assert!(WakefulRuntime::is_panic(&error));
    assert_eq!(
        error.into_panic().downcast_ref(),
        Some(&"the disk is on fire")
    );
}

#[test]
fn handles_and_sleeps_outlive_their_runtime() {
    let runtime = Runtime::new().unwrap();
    let (task, mut sleep) = runtime.block_on(async {
        let mut sleep = Box::pin(WakefulRuntime::sleep(LONG));
        assert!(poll_once(sleep.as_mut()).await.is_pending());
        (WakefulRuntime::spawn(std::future::pending::<()>()), sleep)
    });
    drop(runtime);
    wakeful::block_on(async move {
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled() && !WakefulRuntime::is_panic(&error));
        for _ in 0..3 {
            assert!(poll_once(sleep.as_mut()).await.is_pending());
        }
    });
}

#[wakeful::test(start_paused = true)]
async fn timers_use_the_clock_of_the_loop() {
    let before = wakeful::time::Instant::now();
    WakefulRuntime::sleep(LONG).await;
    assert!(before.elapsed() >= LONG);
    let never = std::future::pending::<()>();
    assert!(WakefulRuntime::timeout(LONG, never).await.is_err());
    assert!(before.elapsed() >= 2 * LONG);
}

#[wakeful::test]
async fn a_dropped_sleep_leaves_no_task_behind() {
    let before = Metrics::current().tasks_alive;
    {
        let mut sleep = pin!(WakefulRuntime::sleep(LONG));
        assert!(poll_once(sleep.as_mut()).await.is_pending());
        assert_eq!(Metrics::current().tasks_alive, before + 1);
    }
    wakeful::task::yield_now().await;
    assert_eq!(Metrics::current().tasks_alive, before);
}

#[wakeful::test]
async fn a_timeout_around_a_ready_future_starts_no_timer() {
    let before = Metrics::current().tasks_spawned;
    assert_eq!(WakefulRuntime::timeout(LONG, async { 1 }).await, Ok(1));
    assert_eq!(
        WakefulRuntime::timeout(Duration::ZERO, async { 2 }).await,
        Ok(2)
    );
    WakefulRuntime::sleep(Duration::ZERO).await;
    assert_eq!(Metrics::current().tasks_spawned, before);
}

#[wakeful::test]
async fn a_task_whose_channel_is_never_empty_yields() {
    let (sender, mut receiver) = <Channels as Mpsc>::channel(100_000);
    for number in 0..100_000 {
        sender.send(number).await.unwrap();
    }
    let received = Rc::new(Cell::new(0));
    let count = received.clone();
    let busy = wakeful::spawn(async move {
        while receiver.recv().await.is_some() {
            count.set(count.get() + 1);
        }
    });
    let other = wakeful::spawn(async move { received.get() });
    assert!(other.await.unwrap() < 1_000, "the other task had to wait");
    drop(sender);
    busy.await.unwrap();
}

#[wakeful::test]
async fn a_blocking_closure_runs_on_another_thread_and_its_panic_is_an_error() {
    let here = thread::current().id();
    let there = WakefulRuntime::spawn_blocking(|| thread::current().id()).await;
    assert_ne!(there.unwrap(), here);
    let error = WakefulRuntime::spawn_blocking(|| panic!("no disk"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
}

#[test]
fn a_handle_is_awaited_and_a_sleep_dropped_on_another_thread() {
    let runtime = Runtime::new().unwrap();
    let (sender, mut receiver) = <Channels as Mpsc>::channel::<()>(1);
    let (task, sleep) = runtime.block_on(async {
        let task = WakefulRuntime::spawn(async move { receiver.recv().await });
        let mut sleep = Box::pin(WakefulRuntime::sleep(LONG));
        assert!(poll_once(sleep.as_mut()).await.is_pending());
        (task, sleep)
    });
    let other = thread::spawn(move || {
        drop(sleep);
        wakeful::block_on(async {
            sender.send(()).await.unwrap();
            task.await.unwrap()
        })
    });
    // The loop has to run for the task, and then for the abort of the timer.
    while !other.is_finished() || runtime.metrics().tasks_alive > 0 {
        runtime.block_on(wakeful::task::yield_now());
    }
    assert_eq!(other.join().unwrap(), Some(()));
}

/// openraft requires this without `single-threaded`; it holds in any case.
#[test]
fn handles_sleeps_and_channels_are_send() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<JoinHandle<u8>>();
    send::<Sleep>();
    send::<Timeout<std::future::Ready<u8>>>();
    send::<<Channels as Mpsc>::Receiver<u8>>();
    sync::<<Channels as Mpsc>::Sender<u8>>();
    sync::<wakeful_openraft::Mutex<u8>>();
}

async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

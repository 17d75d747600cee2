//! Wakes from other threads: none is lost, and none makes a system call if the loop is awake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;

use std::future::poll_fn;
use wakeful::task::yield_now;

/// Returns the waker of a task that is always pending.
async fn a_sleeper() -> (Waker, wakeful::task::AbortHandle) {
    let (send, receive) = std::sync::mpsc::channel();
    let task = wakeful::spawn(poll_fn(move |cx| {
        let _ = send.send(cx.waker().clone());
        Poll::<()>::Pending
    }));
    let abort = task.abort_handle();
    loop {
        if let Ok(waker) = receive.try_recv() {
            return (waker, abort);
        }
        yield_now().await;
    }
}

/// The flag "asleep" must be cleared after the wait: otherwise every later wake is a system call.
#[test]
fn a_wake_from_another_thread_makes_no_syscall_while_the_loop_is_awake() {
    const WAKES: u64 = 10_000;
    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        let (waker, abort) = a_sleeper().await;
        // Sleeps once, so that the flag has been set.
        wakeful::spawn_blocking(|| ()).await.unwrap();
        let before = runtime.metrics();
        let done = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let done = done.clone();
            move || {
                (0..WAKES).for_each(|_| waker.wake_by_ref());
                done.store(true, Ordering::Release);
            }
        });
        while !done.load(Ordering::Acquire) {
            yield_now().await;
        }
        // The last message may not have arrived yet.
        yield_now().await;
        let after = runtime.metrics();
        assert!(after.remote_messages > before.remote_messages);
        assert_eq!(after.notifications, before.notifications);
        other.join().unwrap();
        abort.abort();
    });
}

/// A loop that sleeps between any two wakes: each wake must end a sleep.
#[test]
fn no_wake_is_lost_between_the_last_check_and_the_sleep() {
    const ROUNDS: usize = 20_000;
    let ball = Arc::new(AtomicUsize::new(0));
    let (give, take) = std::sync::mpsc::channel::<Waker>();
    let player = thread::spawn({
        let ball = ball.clone();
        move || {
            for waker in take {
                ball.fetch_add(1, Ordering::Release);
                waker.wake();
            }
        }
    });
    let runtime = wakeful::Runtime::new().unwrap();
    let before = runtime.metrics().waits;
    runtime.block_on(async {
        for round in 0..ROUNDS {
            let mut asked = false;
            poll_fn(|cx| {
                if ball.load(Ordering::Acquire) > round {
                    return Poll::Ready(());
                }
                // One wake for each waker: a lost one would hang the test.
                if !asked {
                    give.send(cx.waker().clone()).unwrap();
                    asked = true;
                }
                Poll::Pending
            })
            .await;
        }
    });
    assert!(runtime.metrics().waits > before, "the loop never slept");
    drop(give);
    player.join().unwrap();
}

/// A used-up batch does not mean that no task is ready: more tasks than fit into a batch all run,
/// although nothing would end a sleep.
#[test]
fn the_loop_does_not_sleep_with_ready_tasks() {
    wakeful::block_on(async {
        let tasks: Vec<_> = (0..5_000)
            .map(|n| wakeful::spawn(async move { n }))
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

/// Returns a loop that spins for as long as the test runs.
fn a_spinner() -> wakeful::Builder {
    wakeful::Runtime::builder().spin(std::time::Duration::from_secs(3600))
}

#[test]
fn a_loop_that_spins_receives_remote_wakes_without_a_syscall() {
    let runtime = a_spinner().build().unwrap();
    let handle = runtime.handle();
    let other = thread::spawn(move || {
        // Another runtime, so that both sides wait for each other.
        a_spinner().build().unwrap().block_on(async {
            for n in 0..1_000 {
                assert_eq!(
                    handle.spawn_with(move || async move { n }).await.unwrap(),
                    n
                );
            }
        });
        handle
    });
    let handle = runtime.block_on(async {
        // Without a ready task, so that the loop spins.
        wakeful::spawn_blocking(move || other.join().unwrap())
            .await
            .unwrap()
    });
    let metrics = runtime.metrics();
    assert!(metrics.remote_messages >= 1_000);
    assert_eq!((metrics.notifications, metrics.waits), (0, 0));
    drop(handle);
}

#[test]
fn a_loop_that_spins_sees_its_timers_and_descriptors() {
    use std::io::Write;
    use wakeful::reactor::Async;

    a_spinner().build().unwrap().block_on(async {
        wakeful::time::sleep(std::time::Duration::from_millis(2)).await;
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let ours = Async::new(ours).unwrap();
        let other = thread::spawn(move || theirs.write_all(b"x").unwrap());
        ours.readable().await.unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_loop_that_spins_lets_a_paused_clock_jump() {
    let runtime = a_spinner().start_paused(true).build().unwrap();
    runtime.block_on(async { wakeful::time::sleep(std::time::Duration::from_secs(10)).await });
}

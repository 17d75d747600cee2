//! The timer: sleeps are polled, reset and dropped on several threads.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use hyper::rt::{Sleep, Timer as _};
use wakeful::Runtime;
use wakeful::time::{Instant, pause};
use wakeful_hyper::Timer;

use crate::support::{Counting, panic_of, spin_until};

type BoxSleep = Pin<Box<dyn Sleep>>;

fn poll(sleep: &mut BoxSleep, waker: &Waker) -> Poll<()> {
    sleep.as_mut().poll(&mut Context::from_waker(waker))
}

fn address(sleep: &BoxSleep) -> *const () {
    (&raw const **sleep).cast()
}

const MINUTE: Duration = Duration::from_secs(60);

#[wakeful::test(start_paused = true)]
async fn it_uses_the_paused_clock() {
    let timer = Timer::new();
    let begun = timer.now();
    timer.sleep(MINUTE).await;
    timer.sleep_until(begun + 3 * MINUTE).await;
    assert_eq!(timer.now() - begun, 3 * MINUTE);
}

#[wakeful::test(start_paused = true)]
async fn a_reset_keeps_the_allocation_and_the_waiting_task() {
    let timer = Timer::new();
    let begun = Instant::now();
    let mut sleep = timer.sleep(MINUTE);
    let place = address(&sleep);
    for minutes in [5, 2, 9] {
        assert!(
            poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx)))
                .await
                .is_pending()
        );
        timer.reset(&mut sleep, timer.now() + minutes * MINUTE);
        assert_eq!(address(&sleep), place, "another allocation");
    }
    // The sleep is not polled again before it wakes its task.
    sleep.as_mut().await;
    assert_eq!(begun.elapsed(), 9 * MINUTE);
    // Also a sleep that has ended.
    timer.reset(&mut sleep, timer.now() + MINUTE);
    sleep.await;
    assert_eq!(begun.elapsed(), 10 * MINUTE);
}

#[wakeful::test(start_paused = true)]
async fn a_sleep_of_another_timer_is_replaced() {
    struct Never;
    impl Future for Never {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    impl Sleep for Never {}
    let mut sleep: BoxSleep = Box::pin(Never);
    let timer = Timer::new();
    timer.reset(&mut sleep, timer.now() + MINUTE);
    sleep.await;
}

#[test]
fn outside_a_runtime_a_sleep_panics_with_advice() {
    let text = panic_of(|| Timer::new().sleep(MINUTE));
    assert!(text.contains("runtime"), "{text}");
    // `now` works there, too.
    let _ = Timer::new().now();
}

#[test]
fn on_another_thread_a_sleep_uses_the_clock_of_its_owner() {
    let home = Runtime::new().unwrap();
    let (begun, mut sleep) = home.block_on(async {
        pause();
        let timer = Timer::new();
        (timer.now(), timer.sleep(MINUTE))
    });
    let away = thread::spawn(move || {
        // By the clock of this thread it would take a minute.
        wakeful::block_on(poll_fn(|cx| sleep.as_mut().poll(cx)));
        sleep
    });
    // The clock of the owner thread jumps when its loop has no ready task.
    home.block_on(async {
        let limit = std::time::Instant::now() + MINUTE;
        while !away.is_finished() {
            assert!(
                std::time::Instant::now() < limit,
                "the condition did not hold in time"
            );
            thread::yield_now();
            wakeful::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(Timer::new().now() - begun >= MINUTE);
    });
    drop(away.join().unwrap());
}

#[test]
fn a_sleep_that_was_polled_and_reset_on_another_thread_works_on_its_owner() {
    let home = Runtime::new().unwrap();
    let (begun, mut sleep) = home.block_on(async {
        pause();
        let timer = Timer::new();
        let mut sleep = timer.sleep(MINUTE);
        let waker = Waker::noop();
        assert!(poll(&mut sleep, waker).is_pending());
        (timer.now(), sleep)
    });
    let mut sleep = thread::spawn(move || {
        assert!(poll(&mut sleep, Waker::noop()).is_pending());
        Timer::new().reset(&mut sleep, begun + 5 * MINUTE);
        assert!(poll(&mut sleep, Waker::noop()).is_pending());
        sleep
    })
    .join()
    .unwrap();
    home.block_on(async {
        sleep.as_mut().await;
        assert_eq!(Timer::new().now() - begun, 5 * MINUTE);
        // The tasks that waited for the other thread have ended.
        drop(sleep);
        wakeful::task::yield_now().await;
        assert_eq!(wakeful::Metrics::current().tasks_alive, 0);
    });
}

#[test]
fn after_the_end_of_its_runtime_a_sleep_stays_pending_on_other_threads() {
    let home = Runtime::new().unwrap();
    let sleep = || home.block_on(async { Timer::new().sleep(Duration::ZERO + MINUTE) });
    let (mut polled, mut not_polled) = (sleep(), sleep());
    let (to_away, at_away) = mpsc::channel::<()>();
    let (to_home, at_home) = mpsc::channel::<()>();
    let away = thread::spawn(move || {
        let (counting, waker) = Counting::new();
        assert!(poll(&mut polled, &waker).is_pending());
        to_home.send(()).unwrap();
        at_away.recv().unwrap();
        // The task that waited for it is cancelled, and wakes it.
        spin_until(|| counting.wakes() == 1);
        for _ in 0..3 {
            assert!(poll(&mut polled, &waker).is_pending());
            assert!(poll(&mut not_polled, &waker).is_pending());
        }
        assert!(counting.wakes() <= 2);
        (polled, not_polled)
    });
    at_home.recv().unwrap();
    home.block_on(wakeful::task::yield_now());
    drop(home);
    to_away.send(()).unwrap();
    // On the owner thread it is a `Sleep`, which panics. Sleeps may be dropped there.
    let (mut polled, not_polled) = away.join().unwrap();
    let message = panic_of(|| poll(&mut polled, Waker::noop()));
    assert!(message.contains("runtime had been dropped"), "{message}");
    drop((polled, not_polled));
}

#[test]
fn sleeps_dropped_on_another_thread_leave_no_timer() {
    let home = Runtime::new().unwrap();
    home.block_on(async {
        let timer = Timer::new();
        for _ in 0..100 {
            let mut sleep = timer.sleep(MINUTE);
            assert!(poll(&mut sleep, Waker::noop()).is_pending());
            thread::spawn(move || drop(sleep)).join().unwrap();
        }
        while wakeful::Metrics::current().timers > 0 {
            wakeful::task::yield_now().await; // the loop receives them
        }
        // Sleeps that are dropped on the owner thread are removed at once.
        drop(timer.sleep(MINUTE));
        let mut sleep = timer.sleep(MINUTE);
        assert!(poll(&mut sleep, Waker::noop()).is_pending());
        assert_eq!(wakeful::Metrics::current().timers, 1);
        drop(sleep);
        assert_eq!(wakeful::Metrics::current().timers, 0);
    });
}

#[test]
fn a_sleep_may_be_dropped_at_the_end_of_its_thread() {
    let sleep = thread::spawn(|| {
        wakeful::block_on(async {
            let mut sleep = Timer::new().sleep(MINUTE);
            assert!(poll(&mut sleep, Waker::noop()).is_pending());
            sleep
        })
    });
    drop(sleep.join().unwrap());
}

#[test]
fn the_end_of_a_runtime_drops_sleeps_that_hold_the_last_reference_to_a_task() {
    // A waker in a timer is the last reference to a task that contains a sleep.
    let runtime = Runtime::new().unwrap();
    for _ in 0..10 {
        runtime.spawn(async {
            let outer = Timer::new().sleep(MINUTE);
            let inner = wakeful::spawn(async {
                let _inner = Timer::new().sleep(MINUTE);
                pending::<()>().await;
            });
            outer.await;
            inner.await.unwrap();
        });
    }
    runtime.block_on(wakeful::task::yield_now());
    assert_eq!(runtime.metrics().timers, 10);
    drop(runtime);
}

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use wakeful::reactor::{Async, Backend};
use wakeful::time::{Instant, advance, pause, resume, sleep, timeout};
use wakeful::{Runtime, spawn, spawn_blocking};

use super::{Count, ms, panic_message, with_paused_clock};

const HOUR: Duration = Duration::from_secs(3600);

/// A deadline beyond all practical times is not jumped to: the clock would end there.
#[test]
fn the_clock_does_not_jump_to_the_end_of_time() {
    wakeful::block_on(async {
        pause();
        let start = Instant::now();
        let (tell, told) = futures_util::future::abortable(std::future::pending::<()>());
        let other = std::thread::spawn(move || told.abort());
        assert!(timeout(Duration::MAX, tell).await.unwrap().is_err());
        other.join().unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        sleep(ms(1)).await;
        assert_eq!(start.elapsed(), ms(1));
    });
}

#[test]
fn a_paused_clock_advances_by_hand() {
    wakeful::block_on(async {
        pause();
        let start = Instant::now();
        let real = std::time::Instant::now();
        while real.elapsed().is_zero() {}
        assert_eq!(start.elapsed(), Duration::ZERO);
        advance(ms(7)).await;
        assert_eq!(start.elapsed(), ms(7));
        advance(Duration::from_nanos(1)).await;
        assert_eq!(start.elapsed(), ms(7) + Duration::from_nanos(1));
        resume();
        let resumed = Instant::now();
        assert!(resumed >= start + ms(7));
        sleep(Duration::from_micros(10)).await;
        assert!(Instant::now() > resumed);
        pause();
        assert!(Instant::now() > resumed);
    });
}

#[test]
fn advance_runs_the_tasks_that_it_wakes() {
    with_paused_clock(async {
        let task = spawn(sleep(HOUR));
        wakeful::task::yield_now().await;
        advance(HOUR - Duration::from_nanos(1)).await;
        assert!(!task.is_finished());
        advance(Duration::from_nanos(1)).await;
        assert!(task.is_finished());
    });
}

#[test]
#[cfg(panic = "unwind")]
fn misuse_of_the_clock_panics_with_advice() {
    wakeful::block_on(async {
        let message = panic_message(resume);
        assert_eq!(message, "`time::resume`: the clock is not paused");
        let moved = spawn(advance(ms(1)))
            .await
            .expect_err("the clock is not paused");
        let payload = moved.into_panic();
        let message = payload.downcast_ref::<&str>().expect("a text");
        assert_eq!(
            *message,
            "`time::advance`: the clock is not paused: call `pause` first"
        );
        pause();
        let message = panic_message(pause);
        assert_eq!(message, "`time::pause`: the clock is paused already");
    });
    for misuse in [pause, resume] {
        assert!(panic_message(misuse).contains("runtime"));
    }
}

#[test]
fn an_idle_loop_jumps_to_the_next_timer() {
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Runtime::builder()
            .backend(backend)
            .start_paused(true)
            .build();
        let runtime = runtime.expect("descriptors");
        let real = std::time::Instant::now();
        runtime.block_on(async {
            let start = Instant::now();
            let other = spawn(async move {
                sleep(HOUR / 2).await;
                start.elapsed()
            });
            sleep(HOUR).await;
            assert_eq!(start.elapsed(), HOUR);
            assert_eq!(other.await.expect("it ended first"), HOUR / 2);
        });
        // Real time: the hour did not pass.
        assert!(real.elapsed() < HOUR / 2);
    }
}

#[wakeful::test(start_paused = true)]
async fn the_attribute_pauses_the_clock() {
    let start = Instant::now();
    sleep(HOUR).await;
    assert_eq!(start.elapsed(), HOUR);
}

#[test]
fn the_clock_waits_for_blocking_results() {
    with_paused_clock(async {
        let start = Instant::now();
        let (release, released) = mpsc::channel::<()>();
        let job = spawn_blocking(move || released.recv());
        // Not awaited by the future that sleeps: it counts nevertheless.
        let other = spawn(async move { timeout(HOUR, job).await });
        let sleeper = spawn(sleep(HOUR * 2));
        // The loop has no ready task, more than once, while the job is running.
        let (other_done, other_thread) = (wakeful::Handle::current(), std::thread::current().id());
        spawn_blocking(move || {
            for _ in 0..20 {
                let task = other_done.spawn_with(|| async { std::thread::current().id() });
                assert_eq!(wakeful::block_on(task).expect("it runs"), other_thread);
            }
        })
        .await
        .expect("the clock did not advance meanwhile");
        assert_eq!(start.elapsed(), Duration::ZERO);
        release.send(()).expect("the job waits for it");
        let result = other.await.expect("no panic").expect("in time");
        assert_eq!(result.expect("no panic"), Ok(()));
        assert_eq!(start.elapsed(), Duration::ZERO);
        sleeper.await.expect("the clock advances again");
        assert_eq!(start.elapsed(), HOUR * 2);
    });
}

#[test]
fn no_blocking_result_is_late() {
    with_paused_clock(async {
        for n in 0..3000 {
            let job = timeout(ms(1), spawn_blocking(move || n));
            assert_eq!(job.await.expect("in time").expect("no panic"), n);
        }
    });
}

#[test]
fn sockets_are_polled_before_the_clock_jumps() {
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Runtime::builder()
            .backend(backend)
            .start_paused(true)
            .build();
        runtime.expect("descriptors").block_on(async {
            let start = Instant::now();
            let (here, mut there) = UnixStream::pair().expect("descriptors");
            let here = Async::new(here).expect("a socket can be registered");
            for _ in 0..50 {
                let mut buf = [0; 8];
                // There are no bytes, so the wait is a real one.
                let read = here.read_with(|mut io| io.read(&mut buf));
                let send = async {
                    wakeful::task::yield_now().await;
                    there.write_all(b"now").expect("room");
                    std::future::pending::<()>().await;
                };
                let both = futures_util::future::select(Box::pin(read), Box::pin(send));
                assert!(timeout(ms(1), both).await.is_ok());
                assert_eq!(start.elapsed(), Duration::ZERO);
            }
        });
    }
}

#[test]
fn pausing_fires_due_timers_and_their_wakers_may_use_a_runtime() {
    use std::future::Future;
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    struct Enter;
    impl Wake for Enter {
        fn wake(self: Arc<Self>) {
            let other = Runtime::new().expect("descriptors");
            drop(other.enter(|| spawn(async {})));
        }
    }
    wakeful::block_on(async {
        let mut timer = Box::pin(sleep(Duration::from_nanos(1)));
        let waker = Waker::from(Arc::new(Enter));
        assert!(
            timer
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        let real = std::time::Instant::now();
        while real.elapsed() < Duration::from_nanos(2) {}
        pause();
        assert!(timer.is_elapsed());
    });
}

#[test]
fn pausing_a_clock_does_not_affect_another_runtime() {
    let (count, waker) = Count::new();
    let stopped = super::paused();
    let mut timer = stopped.enter(|| Box::pin(sleep(ms(1))));
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(std::future::Future::poll(timer.as_mut(), &mut cx).is_pending());
    wakeful::block_on(async { sleep(ms(2)).await });
    assert_eq!(count.get(), 0);
    stopped.block_on(timer);
}

/// Instead of a wait that never ends.
#[test]
#[cfg(panic = "unwind")]
fn a_timer_that_a_stopped_clock_cannot_reach_is_an_error() {
    let runtime = Runtime::builder().start_paused(true).build().unwrap();
    let wait = || panic_message(|| runtime.block_on(async { sleep(Duration::MAX).await }));
    let text = wait();
    assert!(
        text.starts_with("`block_on` would wait forever: the clock is stopped"),
        "{text}"
    );
    // The runtime stays usable, and a task is no different.
    let task = runtime.spawn(async { timeout(Duration::MAX, std::future::pending::<()>()).await });
    runtime.block_on(async {
        sleep(HOUR).await;
        assert!(!task.is_finished());
    });
    let text = panic_message(|| drop(runtime.block_on(task)));
    assert!(text.contains("the next timer is"), "{text}");
    assert_eq!(
        wait().split(':').next(),
        Some("`block_on` would wait forever")
    );
}

#[test]
fn a_socket_may_end_a_wait_that_a_stopped_clock_cannot() {
    wakeful::block_on(async {
        pause();
        let (here, mut there) = UnixStream::pair().unwrap();
        let here = Async::new(here).unwrap();
        let other = std::thread::spawn(move || there.write_all(b"x"));
        let read = here.read_with(|mut io| io.read(&mut [0; 8]));
        assert_eq!(timeout(Duration::MAX, read).await.unwrap().unwrap(), 1);
        other.join().unwrap().unwrap();
    });
}

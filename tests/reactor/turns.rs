use std::cell::Cell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use wakeful::reactor::{Async, Backend};
use wakeful::task::yield_now;
use wakeful::time::sleep;
use wakeful::{Runtime, spawn};

use super::{each, pair, read, run, write};

#[test]
fn no_message_of_another_thread_is_lost() {
    each(|runtime| {
        let handle = runtime.handle();
        let (done, ended) = (
            Arc::new(AtomicWaker::new()),
            Arc::new(AtomicBool::new(false)),
        );
        let (tell, end) = (done.clone(), ended.clone());
        let other = std::thread::spawn(move || {
            for n in 0..5000 {
                // Each waits for the answer, so the loop is about to sleep when the next one
                // arrives.
                let task = handle.spawn_with(move || async move { n });
                assert_eq!(wakeful::block_on(task).expect("it runs"), n);
            }
            end.store(true, Ordering::SeqCst);
            tell.wake();
        });
        // Only messages end the waits of this loop; the last one ends the test.
        runtime.block_on(poll_fn(|cx| {
            done.register(cx.waker());
            if ended.load(Ordering::SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        assert!(other.join().is_ok());
    });
}

#[test]
fn no_wake_of_another_thread_is_lost() {
    run(async |_| {
        let shared = Arc::new((AtomicWaker::new(), AtomicBool::new(false)));
        let (ask, asked) = mpsc::channel::<()>();
        let theirs = shared.clone();
        let other = std::thread::spawn(move || {
            while asked.recv().is_ok() {
                theirs.1.store(true, Ordering::SeqCst);
                theirs.0.wake();
            }
        });
        for n in 0..5000 {
            if n % 2 == 0 {
                // The wake may come before the loop sleeps, or after.
                ask.send(()).unwrap();
            }
            let mut asked = n % 2 == 0;
            poll_fn(|cx| {
                shared.0.register(cx.waker());
                if !std::mem::replace(&mut asked, true) {
                    ask.send(()).unwrap();
                }
                if shared.1.swap(false, Ordering::SeqCst) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
        drop(ask);
        other.join().unwrap();
    });
}

#[test]
fn a_wake_before_the_wait_is_not_lost() {
    each(|runtime| {
        let handle = runtime.handle();
        for n in 0..100 {
            // Sent while the loop does not run.
            let handle = handle.clone();
            let task = std::thread::spawn(move || handle.spawn_with(move || async move { n }));
            let task = task.join().unwrap();
            assert_eq!(runtime.block_on(task).unwrap(), n);
        }
    });
}

#[test]
fn tasks_that_always_yield_do_not_starve_sockets_and_timers() {
    run(async |_| {
        let (here, there) = pair();
        let spinners: Vec<_> = (0..3)
            .map(|_| {
                spawn(async {
                    loop {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            let other = spawn(async {
                sleep(Duration::from_micros(1)).await;
            });
            write(&there, b"x").await.unwrap();
            assert_eq!(read(&here, &mut [0]).await.unwrap(), 1);
            other.await.unwrap();
        }
        // The same with an event of another thread, while all tasks here are ready.
        let mut foreign = there.into_inner().unwrap();
        let writer = std::thread::spawn(move || foreign.write_all(b"y"));
        assert_eq!(read(&here, &mut [0; 4]).await.unwrap(), 1);
        writer.join().unwrap().unwrap();
        spinners.iter().for_each(|task| task.abort());
    });
}

#[test]
fn a_socket_that_is_always_ready_does_not_starve_others() {
    run(async |_| {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(b"endless").unwrap();
        let there = Async::new(there).unwrap();
        let operations = Rc::new(Cell::new(0_u64));
        let counted = operations.clone();
        let greedy = spawn(async move {
            loop {
                // Always ready, by its own count.
                there.read_with(|_| Ok(())).await.unwrap();
                counted.set(counted.get() + 1);
            }
        });
        let polled = {
            let (here, there) = UnixStream::pair().unwrap();
            let (here, there) = (Async::new(here).unwrap(), Async::new(there).unwrap());
            spawn(async move {
                loop {
                    poll_fn(|cx| here.poll_write_with(cx, |_| Ok(())))
                        .await
                        .unwrap();
                    let _ = &there;
                }
            })
        };
        yield_now().await;
        let mut before = operations.get();
        for _ in 0..10 {
            sleep(Duration::from_micros(1)).await;
            spawn(async {}).await.unwrap();
            let (quiet, mut other) = UnixStream::pair().unwrap();
            let quiet = Async::new(quiet).unwrap();
            other.write_all(b"x").unwrap();
            assert_eq!(
                quiet.read_with(|mut io| io.read(&mut [0])).await.unwrap(),
                1
            );
            assert!(
                operations.get() > before,
                "and neither is the busy one starved"
            );
            before = operations.get();
        }
        greedy.abort();
        polled.abort();
    });
}

#[test]
fn a_loop_that_waits_does_not_spin() {
    run(async |runtime| {
        let (here, mut there) = UnixStream::pair().unwrap();
        let here = Async::new(here).unwrap();
        here.writable().await.unwrap();
        let before = runtime.metrics();
        for n in 1..=20 {
            let answered = wakeful::spawn_blocking({
                let mut there = there.try_clone().unwrap();
                move || there.write_all(b"x")
            });
            assert_eq!(read(&here, &mut [0; 4]).await.unwrap(), 1);
            answered.await.unwrap().unwrap();
            // One turn for the bytes, one for the result, and some more.
            let waits = runtime.metrics().waits - before.waits;
            assert!(waits <= 4 * n, "{waits} waits for {n} rounds");
        }
        there.flush().unwrap();
    });
}

#[test]
fn the_events_that_a_turn_leaves_are_taken_by_the_next() {
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Runtime::builder()
            .backend(backend)
            .max_io_events_per_tick(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let pairs: Vec<_> = (0..8).map(|_| pair()).collect();
            let tasks: Vec<_> = pairs
                .into_iter()
                .map(|(here, there)| {
                    there.get_ref().write_all(b"x").unwrap();
                    spawn(async move {
                        let _there = there;
                        read(&here, &mut [0; 8]).await.unwrap()
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), 1);
            }
        });
        assert_eq!(runtime.metrics().events_per_wait.max(), 1, "{backend:?}");
    }
}

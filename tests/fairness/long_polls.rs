//! Long polls and yields: timers, the reactor and other tasks are served in time.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use wakeful::reactor::Async;
use wakeful::task::yield_now;
use wakeful::{block_on, spawn, time};

use super::{Story, tell};

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

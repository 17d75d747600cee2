//! Why did everything stop? A poll blocked the thread.
//!
//! All tasks share one thread, so a poll that does not return delays all of them. `ticker` ticks
//! every five milliseconds. First another task calls `thread::sleep` for 60 ms in its poll. Then a
//! blocking job runs on the blocking pool.
//!
//! Look at the page: one long poll, which gets a red flag, and then a timer that fires too late.
//! While the job runs on the pool, the ticks continue.
//!
//! `cargo run --example lab_21_blocking_poll`; then exercise 21, `exercises/21.rs`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wakeful::time::sleep;
use wakeful::trace::{Kind, Level, mark};
use wakeful_lab as lab;

const TICK: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_millis(60);

fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let ticks = Rc::new(Cell::new(0));
        let counter = ticks.clone();
        let ticker = lab::spawn("ticker", async move {
            loop {
                sleep(TICK).await;
                counter.set(counter.get() + 1);
                mark("tick");
            }
        });
        sleep(3 * TICK).await;

        let counter = ticks.clone();
        let blocker = lab::spawn("blocker", async move {
            let before = counter.get();
            thread::sleep(LONG); // stands for a file, a long computation, or a lock
            (before, counter.get())
        });
        let (before, after) = blocker.await.expect("it does not panic");
        println!(
            "thread::sleep in a poll:    {} ticks meanwhile",
            after - before
        );
        assert_eq!(after, before);

        // The job ends after three ticks: in a poll it would wait forever.
        let (send, receive) = mpsc::channel();
        let job = wakeful::spawn_blocking(move || {
            for _ in 0..3 {
                receive.recv().expect("the ticker ticks");
            }
        });
        let before = ticks.get();
        for seen in 1..=3 {
            while ticks.get() < before + seen {
                sleep(TICK).await;
            }
            send.send(()).expect("the job receives");
        }
        job.await.expect("it does not panic");
        println!(
            "a job on the blocking pool: at least {} ticks meanwhile",
            ticks.get() - before
        );
        assert!(ticks.get() >= before + 3);
        ticker.abort();
    });
    lab::show("21_blocking_poll", &snapshot);

    // The blocker's poll, the polls meanwhile, and how late the ticker's timer was.
    let blocker = lab::task(&snapshot, "blocker");
    let events = snapshot.events();
    let long_poll = events.iter().find_map(|event| match event.kind {
        Kind::Poll { task, dur, .. } if task == blocker => Some((event.ts, dur)),
        _ => None,
    });
    let (start, dur) = long_poll.expect("it was polled");
    let meanwhile = events.iter().filter(|event| {
        let inside = start < event.ts && event.ts < start + dur;
        inside && matches!(event.kind, Kind::Poll { .. })
    });
    let lateness = events.iter().filter_map(|event| match event.kind {
        Kind::TimerFire { late, .. } => Some(late),
        _ => None,
    });
    let latest = lateness.max().expect("timers fired");
    println!(
        "The blocker's poll took {} ms; no other task was polled.",
        dur / 1_000_000
    );
    println!(
        "The ticker's timer fired {} ms too late.",
        latest / 1_000_000
    );
    println!("A poll should take microseconds. Run longer work on the blocking pool.");

    // While one poll blocks, the thread polls no other task and fires no timer.
    assert!(dur >= LONG.as_nanos() as u64);
    assert_eq!(meanwhile.count(), 0);
    assert!(latest >= (LONG - 2 * TICK).as_nanos() as u64);
}

//! Why did everything stop? Somebody blocked in a poll.
//!
//! All tasks share one thread, so a poll that does not return holds up everybody. `ticker` wants to
//! tick every five milliseconds. First a task sleeps in the way of threads, for 60 ms, in its poll.
//! Then the same is given to the blocking pool, where it may take its time.
//!
//! Look at the page: one long poll, which gets a red flag, and then a timer that fires too late.
//! With the pool the ticks go on beside the job.
//!
//! `cargo run --example lab_21_blocking_poll`

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

        let before = ticks.get();
        let counter = ticks.clone();
        let blocker = lab::spawn("blocker", async move {
            thread::sleep(LONG); // a file, a big sum, a lock: anything that does not await
            counter.get()
        });
        let after = blocker.await.expect("it does not panic");
        println!(
            "a thread's sleep in a poll: {} ticks meanwhile",
            after - before
        );
        assert_eq!(after, before);

        // The job ends when it has seen three ticks: in a poll it would wait for good.
        let (tell, told) = mpsc::channel();
        let job = wakeful::spawn_blocking(move || {
            for _ in 0..3 {
                told.recv().expect("there will be a tick");
            }
        });
        let before = ticks.get();
        for seen in 1..=3 {
            while ticks.get() < before + seen {
                sleep(TICK).await;
            }
            tell.send(()).expect("the job listens");
        }
        job.await.expect("it does not panic");
        println!(
            "the same on the pool:       {} ticks at least",
            ticks.get() - before
        );
        assert!(ticks.get() >= before + 3);
        ticker.abort();
    });
    lab::show("21_blocking_poll", &snapshot);

    // The blocker's poll, what was polled meanwhile, and how late the ticker's timer was.
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
    println!("A poll should take microseconds. What takes longer belongs on the pool.");

    // One poll that blocks, and the whole thread stands still.
    assert!(dur >= LONG.as_nanos() as u64);
    assert_eq!(meanwhile.count(), 0);
    assert!(latest >= (LONG - 2 * TICK).as_nanos() as u64);
}

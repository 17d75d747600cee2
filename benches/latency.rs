//! How long a task waits for its poll beside a batch that fills the loop: in a class with a latency,
//! in plain first-in first-out order, and on tokio.
//!
//! ```text
//! cargo run --release -p wakeful-benches --bin latency
//! ```
//!
//! Fifty tasks compute in polls of half a millisecond. A thread wakes one more task every few
//! milliseconds, and says when it did; the task measures how long it took until its poll.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use wakeful::class::Class;

const BATCH: usize = 50;
const POLL: Duration = Duration::from_micros(500);
const WAKES: usize = 300;

fn compute() {
    let began = Instant::now();
    while began.elapsed() < POLL {
        std::hint::spin_loop();
    }
}

/// Sends the time, again and again.
fn sender() -> async_channel::Receiver<Instant> {
    let (send, receive) = async_channel::unbounded();
    thread::spawn(move || {
        for _ in 0..WAKES {
            thread::sleep(Duration::from_millis(7));
            if send.send_blocking(Instant::now()).is_err() {
                return;
            }
        }
    });
    receive
}

async fn measure(receive: async_channel::Receiver<Instant>) -> Vec<Duration> {
    let mut waited = Vec::new();
    while let Ok(sent) = receive.recv().await {
        waited.push(sent.elapsed());
    }
    waited.sort();
    waited
}

/// Computes and gives way, until told to stop.
async fn batch<Y: Future>(stop: Rc<Cell<bool>>, give_way: impl Fn() -> Y) {
    while !stop.get() {
        compute();
        give_way().await;
    }
}

fn on_wakeful(with_classes: bool) -> Vec<Duration> {
    wakeful::block_on(async {
        let stop = Rc::new(Cell::new(false));
        let (requests, reports) = if with_classes {
            let requests = Class::builder("requests").latency(Duration::from_millis(1));
            let reports = Class::builder("reports");
            (
                requests.build().expect("a class"),
                reports.build().expect("a class"),
            )
        } else {
            (Class::current(), Class::current())
        };
        for _ in 0..BATCH {
            let task = batch(stop.clone(), wakeful::task::yield_now);
            drop(wakeful::spawn_in(&reports, task));
        }
        let measured = wakeful::spawn_in(&requests, measure(sender()));
        let waited = measured.await.expect("no panic");
        stop.set(true);
        waited
    })
}

fn on_tokio() -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let stop = Rc::new(Cell::new(false));
        for _ in 0..BATCH {
            tokio::task::spawn_local(batch(stop.clone(), tokio::task::yield_now));
        }
        let measured = tokio::task::spawn_local(measure(sender()));
        let waited = measured.await.expect("no panic");
        stop.set(true);
        waited
    })
}

fn main() {
    println!("wake to poll, {BATCH} tasks beside it that compute {POLL:?} a poll, {WAKES} wakes");
    for (name, waited) in [
        ("wakeful, a class with a latency of 1 ms", on_wakeful(true)),
        ("wakeful, first in, first out", on_wakeful(false)),
        ("tokio, a LocalSet", on_tokio()),
    ] {
        let at = |part: usize| waited[waited.len() * part / 100];
        println!("{name:42} p50 {:>9.3?}  p99 {:>9.3?}", at(50), at(99));
    }
}

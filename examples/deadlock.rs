//! A deadlock, and what the runtime says about it: `cargo run --example deadlock`.
//!
//! Two tasks lock two accounts in opposite order, so each holds the lock that the other one waits
//! for. A third task waits for a message that is never sent: the only sender is its own, so the
//! channel is not closed either. No thread is blocked, and without the detector the program would
//! sleep forever.

use std::process::exit;
use std::rc::Rc;

use wakeful::runtime::DeadlockReport;
use wakeful::sync::{Mutex, mpsc};
use wakeful::task::{JoinHandle, yield_now};

fn main() {
    let runtime = wakeful::Builder::new()
        .detect_deadlocks(true)
        .on_deadlock(end)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let savings = Rc::new(Mutex::new(100));
        let current = Rc::new(Mutex::new(0));
        let there = named("there", transfer(savings.clone(), current.clone()));
        let back = named("back", transfer(current, savings));
        let log = named("log", log());
        for task in [there, back, log] {
            task.await.expect("the tasks do not panic");
        }
        println!("never printed");
    });
}

/// Locks both accounts, one after the other.
async fn transfer(from: Rc<Mutex<i64>>, to: Rc<Mutex<i64>>) {
    let mut from = from.lock().await;
    yield_now().await; // the other task locks its first account
    let mut to = to.lock().await;
    *from -= 10;
    *to += 10;
}

/// Prints lines until all senders are dropped.
async fn log() {
    let (_lines, mut received) = mpsc::channel::<String>(8);
    while let Some(line) = received.recv().await {
        println!("{line}");
    }
}

#[track_caller]
fn named(name: &str, future: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    wakeful::task::Builder::new().name(name).spawn(future)
}

/// Called before the loop would sleep with no way to be woken.
fn end(report: &DeadlockReport) {
    println!("{report}");
    exit(if report.is_certain() { 0 } else { 1 });
}

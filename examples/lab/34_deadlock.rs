//! Two tasks, two locks, taken in different orders: each waits for the other.
//!
//! `cook` takes the pan and then wants the knife. `helper` takes the knife and then wants the pan.
//! If each gets its first lock before the other gets its second, both wait forever. No thread is
//! blocked and no processor is used: the loop sleeps, or runs other tasks as if nothing were wrong.
//!
//! A runtime knows more than the operating system: which task waits for which lock, and which task
//! holds it. `Builder::detect_deadlocks` records this, and searches for cycles before the loop
//! sleeps. `runtime::dump` prints the same record at any time.
//!
//! The way out is an order: if every task takes the pan first, no cycle can arise.
//!
//! `cargo run --example lab_34_deadlock`

use std::cell::RefCell;
use std::rc::Rc;

use wakeful::runtime::{DeadlockKind, DeadlockReport, dump};
use wakeful::sync::{Mutex, Notify};
use wakeful::task::{JoinHandle, yield_now};
use wakeful::trace::{Level, mark};
use wakeful_lab as lab;

/// Takes one lock, then the other one.
async fn work(first: Rc<Mutex<()>>, second: Rc<Mutex<()>>) {
    let _first = first.lock().await;
    yield_now().await; // Any `.await` at which the other task runs.
    let _second = second.lock().await;
}

/// Runs both tasks until they have ended or a deadlock is reported. Returns how many have ended.
async fn kitchen(in_order: bool, alarm: &Notify) -> usize {
    let (pan, knife) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
    let cook = work(pan.clone(), knife.clone());
    let helper = match in_order {
        true => work(pan, knife),
        false => work(knife, pan),
    };
    let tasks = [lab::spawn("cook", cook), lab::spawn("helper", helper)];
    lab::settle().await;
    if !in_order {
        println!("All tasks, from `runtime::dump()`:\n{}\n", dump());
        alarm.notified().await;
        // An abort drops the future, and with it the guards that it has.
        let _: Vec<()> = tasks.iter().map(JoinHandle::abort).collect();
    }
    let mut ended = 0;
    for task in tasks {
        ended += usize::from(task.await.is_ok());
    }
    ended
}

fn main() {
    let (reports, alarm) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Notify::new()));
    let (found, ring) = (reports.clone(), alarm.clone());
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Wakes)
        .detect_deadlocks(true)
        .on_deadlock(move |report: &DeadlockReport| {
            mark("a deadlock is found");
            println!("The report of the detector:\n{report}\n");
            found.borrow_mut().push(report.clone());
            ring.notify_one();
        })
        .build()
        .expect("a runtime can be created");
    let [crossed, ordered] = [false, true].map(|in_order| {
        let ended = runtime.block_on(kitchen(in_order, &alarm));
        println!("the same order: {in_order:>5}; tasks that ended by themselves: {ended} of 2");
        ended
    });
    let snapshot = runtime.enter(wakeful::trace::snapshot);
    lab::show("34_deadlock", &snapshot);

    println!("Take locks in one order everywhere; or hold only one of them at a time.");

    assert_eq!((crossed, ordered), (0, 2));
    // One report: nothing can run any more, and the two tasks are a cycle.
    let reports = reports.borrow();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].kind, DeadlockKind::Certain);
    assert_eq!(reports[0].cycle.len(), 2);
}

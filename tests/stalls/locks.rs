//! The report names the locks that the stuck task holds.

use std::rc::Rc;
use std::sync::mpsc::channel;

use wakeful::sync::{Mutex, Notify, Semaphore};
use wakeful::task::{Builder as Task, yield_now};
use wakeful::{Builder, StallReport};

use super::{LIMIT, THRESHOLD};

/// Returns the report of a task that holds two locks, of which other tasks want one.
fn report(detects_deadlocks: bool) -> (StallReport, u32) {
    let (sender, reports) = channel();
    let runtime = Builder::new()
        .detect_deadlocks(detects_deadlocks)
        .detect_stalls(THRESHOLD)
        .on_stall(move |report: &StallReport| _ = sender.send(report.clone()))
        .build()
        .unwrap();
    runtime.block_on(async move {
        let line = line!() + 1;
        let wanted = Rc::new(Mutex::new(()));
        let (unwanted, notify) = (Rc::new(Mutex::new(())), Rc::new(Notify::new()));
        // Held by another task.
        let permits = Rc::new(Semaphore::new(1));
        let permit = permits.clone().acquire_owned().await.unwrap();
        let (mutex, other, go) = (wanted.clone(), unwanted.clone(), notify.clone());
        let stuck = Task::new().name("stuck").spawn(async move {
            let guards = (mutex.lock().await, other.lock().await);
            go.notified().await;
            let report = reports.recv_timeout(LIMIT).unwrap();
            drop(guards);
            report
        });
        yield_now().await;
        let waiters = [wanted.clone(), wanted]
            .map(|mutex| wakeful::spawn(async move { drop(mutex.lock().await) }));
        let acquires = wakeful::spawn(async move { drop(permits.acquire().await) });
        yield_now().await;
        notify.notify_one();
        let report = stuck.await.unwrap();
        drop(permit);
        for task in waiters.into_iter().chain([acquires]) {
            task.await.unwrap();
        }
        (report, line)
    })
}

#[test]
fn a_stuck_task_that_holds_a_lock_for_which_others_wait_is_reported_with_it() {
    let (report, line) = report(true);
    assert_eq!(report.name.as_deref(), Some("stuck"));
    assert_eq!(report.locks.len(), 1, "{report}");
    let lock = &report.locks[0];
    assert_eq!((lock.kind, lock.waiting), ("mutex", 2));
    assert_eq!((lock.made_at.file(), lock.made_at.line()), (file!(), line));
    let text = format!("it holds the mutex made at {}, waiters: 2", lock.made_at);
    assert!(report.to_string().contains(&text), "{report}");
}

#[test]
fn without_the_deadlock_detector_locks_are_not_known() {
    let (report, _) = report(false);
    assert!(report.locks.is_empty(), "{report}");
}

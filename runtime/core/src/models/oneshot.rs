//! Models of a result that another thread sends to a task.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use loom::sync::{Arc, Mutex};
use loom::thread;

use super::model;
use super::support::{Flaw, Held, Runtime};
use crate::primitives::Track;
use crate::task::JoinHandle;
use crate::task::oneshot::{Missing, Sender, oneshot};

type Parcel = Track<()>;

/// A task waits for the result while a thread calls `act` with the sender. Returns the result that
/// the task received.
fn waiting(act: fn(Sender<Parcel>)) -> Result<Parcel, Missing> {
    let lo = Runtime::new(Flaw::None);
    let (sender, receiver) = oneshot();
    let task = lo.spawn(receiver);
    let thread = thread::spawn(move || act(sender));
    let result = run(lo, task);
    thread.join().unwrap();
    result
}

fn run<T>(lo: Runtime, task: JoinHandle<T>) -> T {
    let mut held = Held::new((lo, task));
    let (lo, task) = &mut *held;
    lo.run_until_finished(task);
    let result = task.try_take().unwrap().unwrap();
    let (lo, task) = held.take();
    drop(task);
    lo.end();
    result
}

#[test]
fn filled_while_a_task_waits() {
    model(|| assert!(waiting(|sender| sender.fill(Ok(Track::new(())))).is_ok()));
}

#[test]
fn dropped_while_a_task_waits() {
    model(|| assert!(matches!(waiting(drop), Err(Missing::Dropped))));
}

#[test]
fn filled_while_the_receiver_is_dropped() {
    model(|| {
        let lo = Runtime::new(Flaw::None);
        let (sender, receiver) = oneshot();
        let task = lo.spawn(receiver);
        let thread = thread::spawn(move || {
            let _ = sender.is_abandoned();
            sender.fill(Ok(Track::new(())));
        });
        lo.tick();
        task.abort();
        lo.tick();
        drop(task);
        lo.end();
        thread.join().unwrap();
    });
}

/// A receiver that checks under one lock and stores its waker under another.
async fn in_two_steps(slot: Arc<Mutex<(bool, Option<Waker>)>>) {
    poll_fn(|cx| {
        if slot.lock().unwrap().0 {
            return Poll::Ready(());
        }
        slot.lock().unwrap().1 = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_one_step_for_checking_and_storing_the_waker() {
    model(|| {
        let lo = Runtime::new(Flaw::None);
        let slot = Arc::new(Mutex::new((false, None::<Waker>)));
        let task = lo.spawn(in_two_steps(slot.clone()));
        let thread = thread::spawn(move || {
            let waker = {
                let mut slot = slot.lock().unwrap();
                slot.0 = true;
                slot.1.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        run(lo, task);
        thread.join().unwrap();
    });
}

//! The solution of exercise 35.
//!
//! `work` looked at `stopped` before each job, so a stop made it leave the jobs that were still in
//! the queue. In the usual order there are none. A stop may end it only when the queue is empty.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use wakeful::class::Random;
use wakeful::sync::Notify;
use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'd';

#[derive(Default)]
pub struct Jobs {
    queue: RefCell<VecDeque<u32>>,
    stopped: Cell<bool>,
    changed: Notify,
}

impl Jobs {
    pub fn push(&self, job: u32) {
        self.queue.borrow_mut().push_back(job);
        self.changed.notify_one();
    }

    pub fn stop(&self) {
        self.stopped.set(true);
        self.changed.notify_one();
    }

    /// Runs the jobs, until `stop` is called and all have run.
    pub async fn work(&self, mut run: impl FnMut(u32)) {
        loop {
            let job = self.queue.borrow_mut().pop_front();
            match job {
                Some(job) => run(job),
                None if self.stopped.get() => return,
                None => self.changed.notified().await,
            }
            yield_now().await;
        }
    }
}

/// Runs three jobs. Returns those that have run.
pub async fn three() -> Vec<u32> {
    let (jobs, done) = (Rc::new(Jobs::default()), Rc::new(RefCell::default()));
    let (its, list) = (jobs.clone(), Rc::<RefCell<Vec<u32>>>::clone(&done));
    let worker = lab::spawn("worker", async move {
        its.work(|job| list.borrow_mut().push(job)).await;
    });
    lab::spawn("boss", async move {
        for job in 1..=3 {
            jobs.push(job);
            yield_now().await;
            yield_now().await;
        }
        jobs.stop();
    });
    worker.await.expect("it does not panic");
    done.take()
}

pub fn main() {
    let seed = 0;
    let builder = wakeful::Builder::new().trace_level(Level::Wakes);
    let builder = match seed {
        0 => builder,
        seed => builder.order(move || Random::new(seed)),
    };
    let runtime = builder.build().expect("a runtime can be created");
    println!("jobs that have run: {:?}", runtime.block_on(three()));
    lab::show("exercise_35", &runtime.enter(wakeful::trace::snapshot));
}

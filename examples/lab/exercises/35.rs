//! Exercise 35: jobs that are lost in some orders.
//!
//! What it should do: `work` runs the jobs in the order in which they were pushed. It returns
//! after `stop` was called, and all jobs that were pushed before have run.
//!
//! Repair `Jobs`. It needs a change of a few lines. The run of `main` is right in the usual order
//! of tasks, first in, first out; a seed of `main` that is not 0 chooses another order.
//!
//! The question, to answer before you run it: how many of the three jobs run in the usual order,
//! before your repair?
//!
//! - a: none
//! - b: one
//! - c: two
//! - d: all three
//!
//! Run it: `cargo run --example exercise_35`. Check it: `cargo run --example lab -- check 35`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use wakeful::class::Random;
use wakeful::sync::Notify;
use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

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
        while !self.stopped.get() {
            let job = self.queue.borrow_mut().pop_front();
            match job {
                Some(job) => run(job),
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

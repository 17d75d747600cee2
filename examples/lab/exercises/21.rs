//! Exercise 21: a job that stops the clock.
//!
//! What it should do: `run_job` runs a job that blocks its thread, for a file or a long
//! computation, and returns its result. Meanwhile the other tasks run.
//!
//! Repair `run_job`. It needs a change of one line.
//!
//! The question, to answer before you run it: in `main` a ticker ticks every 5 ms, and the job
//! takes 60 ms. How many ticks come while the job runs, before your repair?
//!
//! - a: none
//! - b: one
//! - c: about twelve
//!
//! Run it: `cargo run --example exercise_21`. Check it: `cargo run --example lab -- check 21`.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use wakeful::time::sleep;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

pub async fn run_job<R: Send + 'static>(job: impl FnOnce() -> R + Send + 'static) -> R {
    job()
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let ticks = Rc::new(Cell::new(0));
        let counter = ticks.clone();
        lab::spawn("ticker", async move {
            loop {
                sleep(Duration::from_millis(5)).await;
                counter.set(counter.get() + 1);
            }
        });
        wakeful::task::yield_now().await; // the ticker begins
        let before = ticks.get();
        run_job(|| thread::sleep(Duration::from_millis(60))).await;
        println!("ticks while the job ran: {}", ticks.get() - before);
    });
    lab::show("exercise_21", &snapshot);
}

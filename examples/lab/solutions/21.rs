//! The solution of exercise 21.
//!
//! The job ran in a poll, on the thread of the loop. A task of its own would not help: its poll
//! would block the same thread. `spawn_blocking` runs the job on a thread of the blocking pool, and
//! its handle is a future.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use wakeful::time::sleep;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'a';

pub async fn run_job<R: Send + 'static>(job: impl FnOnce() -> R + Send + 'static) -> R {
    let job = wakeful::spawn_blocking(job);
    job.await.expect("the job does not panic")
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

//! The side of the comparison that measures: one case, one peer, one process.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::case::{Case, Outcome, Run};

/// Runs the case and prints what came out as one line of JSON.
pub fn measure(case: &Case, run: Run, warm_up: bool) {
    if case.pinned {
        pin(0);
    }
    if warm_up {
        (case.run)(&Run {
            n: (run.n / 8).max(1),
            ..run
        });
    }
    print(&(case.run)(&run));
}

/// Finds out how many operations take about `target`, and prints the number.
pub fn fit(case: &Case, mut run: Run, target: Duration) {
    if case.pinned {
        pin(0);
    }
    run.n = 1;
    loop {
        let begin = Instant::now();
        let outcome = (case.run)(&run);
        let took = begin.elapsed();
        if matches!(outcome, Outcome::NotAvailable(_)) {
            return print(&outcome);
        }
        if took * 4 >= target || run.n >= 1 << 32 {
            let fits = run.n as f64 * target.as_secs_f64() / took.as_secs_f64();
            return print(&(fits as u64).max(1));
        }
        run.n *= 4;
    }
}

fn print(value: &impl serde::Serialize) {
    let line = serde_json::to_string(value).expect("an outcome has nothing that JSON has not");
    println!("{line}");
}

/// Holds this thread, and those that it starts, on one core. With one core only there is no choice.
pub fn pin(core: usize) {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    set.set(core % cores);
    // Where it isn't allowed, the numbers are noisier and no less true.
    let _ = sched_setaffinity(None, &set);
}

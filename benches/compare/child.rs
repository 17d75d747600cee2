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

/// Finds out how many operations take about `target`, and prints the number. What a run costs
/// without any operation, such as the making of a runtime, is taken off.
pub fn fit(case: &Case, run: Run, target: Duration) {
    if case.pinned {
        pin(0);
    }
    let timed = |n| {
        let run = Run { n, ..run };
        let begin = Instant::now();
        let outcome = (case.run)(&run);
        (outcome, begin.elapsed())
    };
    let mut n = run.size.max(1);
    let (outcome, first) = timed(n);
    if matches!(outcome, Outcome::NotAvailable(_)) {
        return print(&outcome);
    }
    let idle = first.min(timed(n).1);
    loop {
        n *= 4;
        let took = timed(n).1.saturating_sub(idle);
        if took * 4 >= target || n >= 1 << 32 {
            let fits = n as f64 * target.as_secs_f64() / took.as_secs_f64();
            return print(&(fits as u64).max(1));
        }
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

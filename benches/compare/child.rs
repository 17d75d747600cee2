//! The side of the comparison that measures: one case, one peer, one process.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::case::{Case, MAIN, Outcome, Run};

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

/// Finds out how many operations take about `target`, and prints the number. The time is the main
/// metric when that is in nanoseconds, else what passes while the case runs.
pub fn fit(case: &Case, run: Run, target: Duration) {
    if case.pinned {
        pin(0);
    }
    let mut n = run.size.max(1);
    loop {
        let begin = Instant::now();
        let outcome = (case.run)(&Run { n, ..run });
        if matches!(outcome, Outcome::NotAvailable(_)) {
            return print(&outcome);
        }
        let spent = match outcome.metric(MAIN) {
            Some(each) if each.unit == "ns" => each.value * n as f64 / 1e9,
            _ => begin.elapsed().as_secs_f64(),
        };
        if spent * 4.0 >= target.as_secs_f64() || n >= 1 << 32 {
            let fits = n as f64 * target.as_secs_f64() / spent;
            return print(&(fits as u64).max(1));
        }
        n *= 4;
    }
}

fn print(value: &impl serde::Serialize) {
    let line = serde_json::to_string(value).expect("an outcome has nothing that JSON has not");
    println!("{line}");
}

/// The cores that the process had before any thread was pinned. A thread that is started later
/// inherits what its starter is held on.
static CORES: OnceLock<Vec<usize>> = OnceLock::new();

/// Holds this thread, and those that it starts, on one core. With one core only there is no choice.
pub fn pin(core: usize) {
    let cores = CORES.get_or_init(|| {
        let set = sched_getaffinity(None).unwrap_or_default();
        (0..CpuSet::MAX_CPU)
            .filter(|&cpu| set.is_set(cpu))
            .collect()
    });
    let mut set = CpuSet::new();
    if let Some(index) = core.checked_rem(cores.len()) {
        set.set(cores[index]);
        // Where it isn't allowed, the numbers are noisier and no less true.
        let _ = sched_setaffinity(None, &set);
    }
}

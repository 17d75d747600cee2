//! A child process, which measures one case with one peer.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::case::{Case, MAIN, Outcome, Run};

/// Runs the case and prints its outcome as one line of JSON.
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

/// Determines how many operations take about `target`, and prints the number. The time is the main
/// metric if its unit is nanoseconds, otherwise the elapsed time of the case.
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
    let line = serde_json::to_string(value).expect("an outcome can be written as JSON");
    println!("{line}");
}

/// The cores of the process before any thread was pinned. A thread that is started later inherits
/// the cores of the thread that starts it.
static CORES: OnceLock<Vec<usize>> = OnceLock::new();

/// Pins this thread, and those that it starts, to one core. Does nothing if there is only one core.
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
        // If the system refuses, the numbers vary more.
        let _ = sched_setaffinity(None, &set);
    }
}

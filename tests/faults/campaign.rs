//! Runs many seeds, one after the other, supervised by a thread that detects a hang.

use std::env;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use wakeful::Builder;
use wakeful::faults::{Kind, Plan};
use wakeful::reactor::Backend;

/// The time after which a run counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A workload: it panics if anything is lost.
pub type Workload = fn(Dice) -> Pin<Box<dyn Future<Output = ()>>>;

/// The results of one run.
struct Report {
    counts: Vec<u64>,
}

/// Runs the workload with each seed. Each of `kinds` must have happened at least once.
pub fn campaign(test: &'static str, kinds: &[Kind], workload: Workload) {
    let one = number("WAKEFUL_FAULT_SEED").map(|seed| seed..seed + 1);
    let many = 0..number("WAKEFUL_FAULT_SEEDS").unwrap_or(300).div_ceil(3);
    let all = one.is_none();
    let counts = watch(test, one.unwrap_or(many), workload);
    let results: Vec<_> = Kind::ALL.iter().zip(&counts).collect();
    println!("{test}: {results:?}");
    // A single seed need not cause all kinds.
    for kind in kinds.iter().filter(|_| all) {
        assert!(counts[*kind as usize] > 0, "{kind:?} never happened");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => panic!("{variable} is '{text}', which is not a number: {error}"),
    }
}

fn watch(test: &'static str, seeds: Range<u64>, workload: Workload) -> Vec<u64> {
    let (sender, reports) = mpsc::channel();
    let mine = seeds.clone();
    // A thread that hangs is left: the end of the test ends the process.
    thread::spawn(move || {
        for seed in mine {
            let report = run(seed, workload);
            if sender.send(report).is_err() {
                return;
            }
        }
    });
    let mut counts = vec![0; Kind::ALL.len()];
    for seed in seeds {
        let how = match reports.recv_timeout(PATIENCE) {
            Ok(report) => {
                let sums = counts.iter_mut().zip(report.counts);
                sums.for_each(|(sum, count)| *sum += count);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => "hangs",
            Err(RecvTimeoutError::Disconnected) => "fails, see above",
        };
        panic!(
            "seed {seed} {how}. To repeat it:\n    WAKEFUL_FAULT_SEED={seed} cargo test -p \
             wakeful-tests --features faults --test faults -- --exact {test} --nocapture\n"
        );
    }
    counts
}

/// Runs one seed: an eighth of them in real time, half with the portable backend.
fn run(seed: u64, workload: Workload) -> Report {
    let plan = Plan::mixed(seed);
    let backend = match seed % 2 {
        0 => Backend::Auto,
        _ => Backend::Portable,
    };
    let runtime = Builder::new()
        .backend(backend)
        .start_paused(seed / 2 % 8 != 7)
        .faults(plan.clone())
        .build()
        .expect("a runtime");
    runtime.block_on(workload(Dice(seed)));
    drop(runtime);
    Report {
        counts: Kind::ALL.map(|kind| plan.count(kind)).to_vec(),
    }
}

/// The random choices of the workload.
pub struct Dice(u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 29
    }

    /// Returns a number from 0 to one less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Returns another generator, for another task or thread.
    pub fn fork(&mut self) -> Dice {
        Dice(self.next())
    }
}

//! Running a test with many seeds.

use std::panic::resume_unwind;
use std::thread;

use crate::failure::message;
use crate::sim::Sim;

/// Variable of the environment with the only seed to run.
const SEED: &str = "WAKEFUL_SIM_SEED";
/// Variable of the environment with the number of seeds.
const COUNT: &str = "WAKEFUL_SIM_SEEDS";

/// Runs a test with the seeds from 0 to `count` - 1, each in a simulation and on a thread of its
/// own. When the test panics, it prints the seed and the command that repeats it, and panics too.
///
/// The variable `WAKEFUL_SIM_SEED` of the environment names the only seed to run.
/// `WAKEFUL_SIM_SEEDS` replaces `count`.
///
/// ```
/// use std::time::Duration;
///
/// wakeful_sim::seeds(20, |sim| {
///     sim.client("a", async {
///         let (mut early, mut late) = (false, false);
///         wakeful::join!(
///             async {
///                 wakeful::time::sleep(Duration::from_millis(1)).await;
///                 early = true;
///             },
///             async {
///                 wakeful::time::sleep(Duration::from_millis(2)).await;
///                 late = true;
///             },
///         );
///         assert!(early && late);
///     });
///     sim.run().unwrap();
/// });
/// ```
///
/// # Panics
///
/// If the test does, or if a variable is no number.
#[track_caller]
pub fn seeds(count: u64, test: impl Fn(&mut Sim) + Sync) {
    for seed in range(count) {
        if let Err(payload) = run(seed, false, &test) {
            report(seed, &message(&*payload));
            resume_unwind(payload);
        }
    }
}

/// Runs a test twice with each of the seeds from 0 to `count` - 1, and compares what happens, event
/// by event: a test that is not deterministic can't be repeated by its seed. The variables of the
/// environment are those of [`seeds`].
///
/// ```should_panic
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// static SHARED: AtomicU64 = AtomicU64::new(0);
///
/// wakeful_sim::repeatable(1, |sim| {
///     sim.client("a", async {
///         // Another time in each run.
///         let millis = SHARED.fetch_add(1, Ordering::Relaxed);
///         wakeful::time::sleep(Duration::from_millis(millis)).await;
///     });
///     sim.run().unwrap();
/// });
/// ```
///
/// # Panics
///
/// If two runs differ: the message has the first event that does. Also if the test panics, or if a
/// variable is no number.
#[track_caller]
pub fn repeatable(count: u64, test: impl Fn(&mut Sim) + Sync) {
    for seed in range(count) {
        let runs = [(); 2].map(|()| match run(seed, true, &test) {
            Ok(records) => records,
            Err(payload) => {
                report(seed, &message(&*payload));
                resume_unwind(payload)
            }
        });
        if let Some(difference) = difference(&runs[0], &runs[1]) {
            report(seed, &difference);
            panic!("seed {seed} is not repeatable: {difference}");
        }
    }
}

/// Describes where two runs differ.
fn difference(one: &[String], other: &[String]) -> Option<String> {
    let len = one.len().max(other.len());
    let place = (0..len).find(|&place| one.get(place) != other.get(place))?;
    let shown = |run: &[String]| run.get(place).map_or("nothing more", |it| it).to_owned();
    Some(format!(
        "event {} is `{}` in the first run and `{}` in the second",
        place + 1,
        shown(one),
        shown(other)
    ))
}

/// Returns the seeds to run.
#[track_caller]
fn range(count: u64) -> std::ops::Range<u64> {
    match number(SEED) {
        Some(seed) => seed..seed.saturating_add(1),
        None => 0..number(COUNT).unwrap_or(count),
    }
}

/// Prints which seed has failed, and the command that repeats it.
fn report(seed: u64, what: &str) {
    let thread = thread::current();
    let test = thread.name().filter(|name| *name != "main");
    eprintln!(
        "wakeful-sim: seed {seed} failed: {what}; to repeat it: {SEED}={seed} cargo test {}",
        test.unwrap_or_default()
    );
}

/// Runs the test on a thread of its own: the keys of std's hash maps, and generators of other
/// crates, are kept for each thread. Returns what has happened, if it is to be recorded.
fn run(seed: u64, records: bool, test: &(impl Fn(&mut Sim) + Sync)) -> thread::Result<Vec<String>> {
    let name = thread::current().name().unwrap_or("simulation").to_owned();
    thread::scope(|scope| {
        let body = || {
            let mut sim = Sim::builder().seed(seed).record(records).build();
            test(&mut sim);
            let records = sim.take_records();
            records.iter().map(ToString::to_string).collect()
        };
        let thread = thread::Builder::new().name(name).spawn_scoped(scope, body);
        match thread {
            Ok(thread) => thread.join(),
            Err(error) => panic!("can't start the thread of a simulation: {error}"),
        }
    })
}

#[track_caller]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    match parse(name, &text) {
        Ok(number) => Some(number),
        Err(error) => panic!("{error}"),
    }
}

fn parse(name: &str, text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|error| format!("{name} is {text:?}, which is no seed or number of them: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_is_no_number_is_shown() {
        assert_eq!(parse(SEED, " 17 "), Ok(17));
        let error = parse(SEED, "seven").unwrap_err();
        assert!(error.contains("WAKEFUL_SIM_SEED is \"seven\""), "{error}");
    }
}

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
    let range = match number(SEED) {
        Some(seed) => seed..=seed,
        None => match number(COUNT).unwrap_or(count).checked_sub(1) {
            Some(last) => 0..=last,
            None => return,
        },
    };
    for seed in range {
        if let Err(payload) = run(seed, &test) {
            eprintln!(
                "wakeful-sim: seed {seed} failed: {}; to repeat it: {SEED}={seed} cargo test{}",
                message(&*payload),
                thread::current()
                    .name()
                    .filter(|name| *name != "main")
                    .map(|name| format!(" {name}"))
                    .unwrap_or_default(),
            );
            resume_unwind(payload);
        }
    }
}

/// Runs the test on a thread of its own: the keys of std's hash maps, and generators of other
/// crates, are kept for each thread.
fn run(seed: u64, test: &(impl Fn(&mut Sim) + Sync)) -> thread::Result<()> {
    let name = thread::current().name().unwrap_or("simulation").to_owned();
    thread::scope(|scope| {
        let body = || test(&mut Sim::builder().seed(seed).build());
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

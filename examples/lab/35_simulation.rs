//! How does one test what happens once in a thousand runs? Choose the order of tasks by a seed.
//!
//! A program of tasks on one thread is deterministic but for three things: the time, the order in
//! which ready tasks run, and what comes from outside. A test can choose the first two:
//!
//! - `start_paused`: the clock jumps to the next timer, so an hour takes no time.
//! - `order(|| Random::new(seed))`: the loop runs the ready tasks in an order that the seed
//!   decides. `rng_seed` does the same for `select!`.
//!
//! The program has a bug that is known from large caches. `reader` loads a value from the database
//! and puts it into the cache. `writer` changes the value in the database and clears the cache. If
//! `reader` has loaded before the change and stores after the clearing, the cache has the old value
//! from then on. In the usual order, first in, first out, this never happens. Among 1,000 seeds it
//! happens often, and the seed repeats it.
//!
//! `cargo run --example lab_35_simulation`

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use wakeful::class::Random;
use wakeful::task::yield_now;
use wakeful::time::{Instant, sleep};
use wakeful::trace::{Level, Snapshot, mark, set_level};
use wakeful::{Builder, Runtime};
use wakeful_lab as lab;

#[derive(Default)]
struct Store {
    database: Cell<u32>,
    cache: Cell<Option<u32>>,
    /// Counts the times that the cache was cleared.
    cleared: Cell<u32>,
}

async fn read(store: Rc<Store>, careful: bool) {
    let cleared = store.cleared.get();
    yield_now().await; // the request is on its way to the database
    let value = store.database.get();
    mark("the value is loaded");
    yield_now().await; // the reply is on its way back
    if careful && store.cleared.get() != cleared {
        return; // the value may be old: do not keep it
    }
    store.cache.set(Some(value));
    mark("the cache has the value");
}

async fn write(store: Rc<Store>) {
    yield_now().await;
    store.database.set(2);
    mark("the database has the new value");
    yield_now().await;
    store.cleared.set(store.cleared.get() + 1);
    store.cache.set(None);
    mark("the cache is cleared");
}

/// Returns whether the cache has an old value after the tasks have ended.
async fn stale(careful: bool) -> bool {
    let store = Rc::new(Store::default());
    store.database.set(1);
    let reader = lab::spawn("reader", read(store.clone(), careful));
    let writer = lab::spawn("writer", write(store.clone()));
    reader.await.expect("it does not panic");
    writer.await.expect("it does not panic");
    store
        .cache
        .get()
        .is_some_and(|value| value != store.database.get())
}

/// Makes a runtime for a simulation.
fn simulation(seed: Option<u64>) -> Runtime {
    let builder = Builder::new().start_paused(true);
    let builder = match seed {
        Some(seed) => builder.rng_seed(seed).order(move || Random::new(seed)),
        None => builder,
    };
    builder.build().expect("a runtime can be created")
}

fn repeat(seed: u64) -> Snapshot {
    let runtime = simulation(Some(seed));
    runtime.enter(|| set_level(Level::Wakes)); // the search runs faster without it
    assert!(runtime.block_on(stale(false)));
    runtime.enter(wakeful::trace::snapshot)
}

fn main() {
    let usual = simulation(None).block_on(stale(false));
    println!("first in, first out: old value in the cache: {usual}");
    let fails = |careful| -> Vec<u64> {
        let seeds = 0..1_000;
        let failing = seeds.filter(|&seed| simulation(Some(seed)).block_on(stale(careful)));
        failing.collect()
    };
    let (broken, repaired) = (fails(false), fails(true));
    let seed = *broken.first().expect("a seed of 1,000 finds the bug");
    println!(
        "1,000 seeds: {} find the bug, the first is {seed}",
        broken.len()
    );
    println!("1,000 seeds with the repair: {} find it", repaired.len());

    let (real, day) = (std::time::Instant::now(), Duration::from_secs(24 * 3600));
    let slept = simulation(Some(seed)).block_on(async move {
        let start = Instant::now();
        sleep(day).await;
        start.elapsed()
    });
    println!(
        "A sleep of {} hours took {} ms of real time.",
        slept.as_secs() / 3600,
        real.elapsed().as_millis()
    );

    println!("Seed {seed} again:");
    let snapshot = repeat(seed);
    lab::show("35_simulation", &snapshot);
    println!("A failing test prints its seed. The seed is the test that repeats the failure.");

    assert!(!usual);
    assert!(!broken.is_empty() && repaired.is_empty());
    // The same seed, the same steps.
    assert_eq!(snapshot.to_string(), repeat(seed).to_string());
    assert!(slept >= day && real.elapsed() < day / 1_000);
    lab::assert_story(
        &snapshot,
        &[
            "reader marks \"the value is loaded\"",
            "writer marks \"the cache is cleared\"",
            "reader marks \"the cache has the value\"",
        ],
    );
}

//! Exercise 29: each shard counts for itself.
//!
//! What it should do: both shards call `hit` with keys. `hits` returns how often a key was hit, on
//! any shard, and returns the same on each shard. The counter of a key is on its owner, and only
//! there.
//!
//! Repair `hit`; the rest is right. It needs a change of a few lines. Look at how `hits` asks.
//!
//! The question, to answer before you run it: both shards hit `a` once. What does this program
//! print, before your repair?
//!
//! - a: shard 0 says 2, shard 1 says 2
//! - b: shard 0 says 1, shard 1 says 1
//! - c: shard 0 says 0, shard 1 says 2
//! - d: it panics, as `HITS` belongs to another thread
//!
//! Run it: `cargo run --example exercise_29`. Check it: `cargo run --example lab -- check 29`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use wakeful::Shards;
use wakeful::shard::Shard;

pub const ANSWER: char = '?';

thread_local! {
    /// The counters of this thread's shard.
    pub static HITS: RefCell<BTreeMap<&'static str, u32>> = RefCell::default();
}

/// Returns the shard that has the counter of a key.
pub fn owner(key: &str) -> usize {
    let sum: usize = key.bytes().map(usize::from).sum();
    sum % Shard::current().count()
}

/// Counts a hit.
pub async fn hit(key: &'static str) {
    HITS.with_borrow_mut(|hits| *hits.entry(key).or_default() += 1);
}

/// Returns the number of hits of a key.
pub async fn hits(key: &'static str) -> u32 {
    let asked = Shard::current().call(owner(key), move || async move {
        HITS.with_borrow(|hits| hits.get(key).copied().unwrap_or(0))
    });
    asked.await.expect("the owner is running")
}

pub fn main() {
    let shards = Shards::builder().shards(2).build().unwrap();
    for shard in [0, 1] {
        wakeful::block_on(shards.spawn_on(shard, || hit("a"))).unwrap();
    }
    for shard in [0, 1] {
        let hits = wakeful::block_on(shards.spawn_on(shard, || hits("a"))).unwrap();
        println!("shard {shard} says {hits}");
    }
    shards.join().unwrap();
}

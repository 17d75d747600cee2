//! The solution of exercise 29.
//!
//! `HITS` is a variable of the thread, so each shard has its own. `hit` counted in that of the
//! shard on which it ran, also for keys that belong to the other. Now it asks the owner, by a call,
//! as `hits` does. There is one counter for each key, and only its owner touches it, so no lock is
//! needed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use wakeful::Shards;
use wakeful::shard::Shard;

pub const ANSWER: char = 'b';

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
    let counted = Shard::current().call(owner(key), move || async move {
        HITS.with_borrow_mut(|hits| *hits.entry(key).or_default() += 1);
    });
    counted.await.expect("the owner is running");
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

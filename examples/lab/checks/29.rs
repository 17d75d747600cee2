//! Checks exercise 29.

#[cfg_attr(feature = "solutions", path = "../solutions/29.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/29.rs")]
mod program;

use std::process::ExitCode;

use program::{HITS, hit, hits, owner};
use wakeful::Shards;
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "So it should be. But each shard has its own `HITS`. In which one does `hit` count?",
        ),
        (
            'b',
            "`hits` asks the owner, on either shard. The owner has counted its own hit only.",
        ),
        (
            'c',
            "`hits` asks the owner, whichever shard it runs on. So both shards say the same.",
        ),
        (
            'd',
            "The variable is not shared: each thread has its own, and `hit` uses that of its thread.",
        ),
    ],
    shipped: "counted on the shard that was hit",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

fn check() -> Verdict {
    let shards = Shards::builder().shards(2).build().unwrap();
    step("in `hit` or `hits`, on one of two shards");
    let on = |shard: usize, key| {
        wakeful::block_on(shards.spawn_on(shard, move || async move {
            hit(key).await;
            owner(key)
        }))
        .map_err(|error| format!("`hit({key:?})` on shard {shard} failed: {error}."))
    };
    for key in ["a", "b"] {
        let owner = on(0, key)?;
        for shard in [1, 1] {
            on(shard, key)?;
        }
        for shard in [0, 1] {
            let has = wakeful::block_on(shards.spawn_on(shard, move || async move {
                HITS.with_borrow(|hits| hits.get(key).copied())
            }));
            let has = has.unwrap();
            ensure!(
                shard == owner || has.is_none(),
                "Shard {owner} is the owner of key {key:?}, but shard {shard} has a counter for it, \
                 with {}: it was counted on the shard that was hit.",
                has.unwrap_or(0)
            );
            let said = wakeful::block_on(shards.spawn_on(shard, move || hits(key))).unwrap();
            ensure!(
                said == 3,
                "Shard 0 hit {key:?} once and shard 1 twice. Shard {shard} says {said}."
            );
        }
    }
    shards
        .join()
        .map_err(|error| format!("The shards ended with an error: {error}."))
}

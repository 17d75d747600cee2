//! The bodies of the fuzz targets in `tests/fuzz`, run without a fuzzer: on inputs that were found
//! and stored there, and on random scripts.
//!
//! `WAKEFUL_FUZZ_SEEDS=100000` runs 100,000 scripts of each target instead of 2,000, and
//! `WAKEFUL_FUZZ_SEED=7` only that one.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

#[allow(dead_code, reason = "only a part of the example is used")]
#[path = "fuzzing/http.rs"]
mod http;
#[allow(dead_code, reason = "only a part of the example is used")]
#[path = "fuzzing/kv.rs"]
mod kv;
#[path = "fuzzing/tasks.rs"]
mod tasks;
#[path = "fuzzing/timers.rs"]
mod timers;

#[test]
fn kv_parses_any_bytes_in_any_pieces() {
    replay("kv", kv::WORDS, kv::run);
}

#[test]
fn http_parses_any_bytes_in_any_pieces() {
    replay("http", http::WORDS, http::run);
}

#[test]
fn tasks_end_as_expected_in_every_order_of_operations() {
    replay("tasks", tasks::WORDS, tasks::run);
}

#[test]
fn sleeps_fire_in_the_order_of_a_sorted_map() {
    replay("timers", timers::WORDS, timers::run);
}

fn replay(target: &str, words: &[&[u8]], run: fn(&[u8])) {
    let one = number("WAKEFUL_FUZZ_SEED");
    if one.is_none() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/seeds")
            .join(target);
        let mut files = 0;
        for entry in fs::read_dir(&kept).expect("the directory of inputs") {
            let path = entry.expect("an entry of them").path();
            let script = fs::read(&path).expect("an input can be read");
            play(&format!("the input {}", path.display()), run, &script);
            files += 1;
        }
        assert!(files > 0, "no input in {}", kept.display());
    }
    let seeds = match one {
        Some(seed) => seed..seed + 1,
        None => 0..number("WAKEFUL_FUZZ_SEEDS").unwrap_or(2000),
    };
    for seed in seeds {
        play(&format!("seed {seed}"), run, &script(seed, words));
    }
}

fn play(what: &str, run: fn(&[u8]), script: &[u8]) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(script))) {
        println!("{what} fails: {}", script.escape_ascii());
        resume_unwind(payload);
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) => panic!("{variable} is '{text}', which is not a number: {error}"),
    }
}

/// Returns random bytes, or words of the target with random bytes between them.
fn script(seed: u64, words: &[&[u8]]) -> Vec<u8> {
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut below = |limit: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice >> 20) as usize % limit
    };
    let length = 1 + below(400);
    let mut script = Vec::new();
    while script.len() < length {
        match below(8) {
            0..7 if !words.is_empty() => script.extend_from_slice(words[below(words.len())]),
            _ => script.push(below(256) as u8),
        }
    }
    script
}

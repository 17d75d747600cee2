#![no_main]
#![allow(dead_code, reason = "the test uses more of it")]

#[path = "../fuzzing/tasks.rs"]
mod tasks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tasks::run(data));

#![no_main]
#![allow(dead_code, reason = "a part of it is for the test alone")]

#[path = "../fuzzing/tasks.rs"]
mod tasks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tasks::run(data));

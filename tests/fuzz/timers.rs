#![no_main]
#![allow(dead_code, reason = "the test uses more of it")]

#[path = "../fuzzing/timers.rs"]
mod timers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| timers::run(data));

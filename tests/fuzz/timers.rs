#![no_main]
#![allow(dead_code, reason = "a part of it is for the test alone")]

#[path = "../fuzzing/timers.rs"]
mod timers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| timers::run(data));

#![no_main]
#![allow(dead_code, reason = "the test uses more of it")]

#[path = "../fuzzing/kv.rs"]
mod kv;

libfuzzer_sys::fuzz_target!(|data: &[u8]| kv::run(data));

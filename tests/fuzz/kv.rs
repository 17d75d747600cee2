#![no_main]
#![allow(dead_code, reason = "a part of it is for the test alone")]

#[path = "../fuzzing/kv.rs"]
mod kv;

libfuzzer_sys::fuzz_target!(|data: &[u8]| kv::run(data));

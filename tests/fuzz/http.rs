#![no_main]
#![allow(dead_code, reason = "the test uses more of it")]

#[path = "../fuzzing/http.rs"]
mod http;

libfuzzer_sys::fuzz_target!(|data: &[u8]| http::run(data));

#![no_main]
#![allow(dead_code, reason = "a part of it is for the test alone")]

#[path = "../fuzzing/http.rs"]
mod http;

libfuzzer_sys::fuzz_target!(|data: &[u8]| http::run(data));
